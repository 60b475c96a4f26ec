// Every page that there is, by the console's own tables, with content that means harm in whatever it shows: each is inert,
// whole at 360 px and at 400 % (320 px), without a fault that axe sees, in forced colours and with reduced motion, and light.
import { readdirSync } from "node:fs";
import { PAGES } from "../src/routes.ts";
import { OF } from "../src/places/views.ts";
import { VIEWS as PEOPLE } from "../src/people/views.ts";
import { same, signIn } from "./browser.mjs";
import { light, options, sideways } from "./given.mjs";

const HEIGHT = 800;
const IDLE_MS = 60;

/** Every address behind the #. */
function routes() {
  const places = Object.entries(OF).flatMap(([kind, views]) =>
    views.map((view) => `/${kind}/${options[kind]}${view && `/${view}`}`),
  );
  const people = Object.keys(PEOPLE).map((view) => `/people/${view}`);
  return [...Object.keys(PAGES), ...people.slice(1), ...places, ...options.further, "/nowhere"];
}

/** Gives what waits until PAGE has asked for all that it needs; a stream is never over. */
function idle(page) {
  const open = new Set();
  let last = Date.now();
  const over = (one) => {
    open.delete(one);
    last = Date.now();
  };
  page.on("request", (one) => !one.url().includes("/streams") && open.add(one));
  page.on("requestfinished", over);
  page.on("requestfailed", over);
  return async () => {
    await page.locator("main h1").waitFor();
    const end = Date.now() + 30_000;
    while (open.size || Date.now() - last < IDLE_MS) {
      if (Date.now() > end) throw new Error(`waited in vain for ${[...open].map((one) => one.url())}`);
      await new Promise((go) => setTimeout(go, 20));
    }
  };
}

/** What is folded is shown, too. */
const unfold = (page) =>
  page.evaluate(() => document.querySelectorAll("main details").forEach((one) => (one.open = true)));

/**
 * What in a text turns the direction is isolated there, or stands in an element of its own, and turns nothing else. A text
 * that begins with a word of ours has to isolate it.
 */
const turned = (page) =>
  page.evaluate(() => {
    const found = [];
    const left = (text) => text.replace(/\u2068[^\u2066-\u2069]*\u2069/g, "");
    const turns = (text) => left(text).includes("\u202e");
    const ours = (text) => /^\s*[A-Z][a-z]+ /.test(text);
    for (const one of document.querySelectorAll("[aria-label], [title]"))
      for (const text of [one.ariaLabel ?? "", one.title ?? ""])
        if (turns(text) && ours(text)) found.push(text.slice(0, 300));
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      if (!turns(text.data)) continue;
      let around = text.parentElement;
      while (getComputedStyle(around).unicodeBidi === "normal") around = around.parentElement;
      if (ours(text.data) || (!around.matches("pre") && around.textContent.trim() !== text.data.trim()))
        found.push(around.outerHTML.slice(0, 300));
    }
    return found;
  });

/** Nothing of it is more than text. */
async function inert(page, where) {
  const markup =
    ":is(main, dialog) :is(img:not(.alone > img), script, iframe, b, [onerror], a[href^='javascript' i])";
  same(
    await page.evaluate((of) => [document.querySelectorAll(of).length, window.hit ?? null], markup),
    [0, null],
    `markup, ${where}`,
  );
  same(await turned(page), [], `what turns the direction of other text, ${where}`);
}

/** In forced colours all that can have the focus is outlined when it has it, and what is chosen differs from the rest. */
async function forced(page, where) {
  await page.emulateMedia({ forcedColors: "active" });
  await page.keyboard.press("Tab"); // from now on the focus is one by keys
  const found = await page.evaluate(() => {
    const seen = (one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const within = document.querySelector("dialog[open]") ?? document.body;
    const all = [
      ...within.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']"),
    ];
    const faults = [];
    for (const one of all.filter(seen)) {
      one.focus({ preventScroll: true });
      if (document.activeElement !== one) continue; // disabled
      const { outlineStyle, outlineWidth } = getComputedStyle(
        one.closest("label:has(.visually-hidden)") ?? one,
      );
      if (outlineStyle === "none" || !parseFloat(outlineWidth)) faults.push(`no outline: ${one.outerHTML}`);
    }
    document.activeElement?.blur();
    const look = (one) => {
      const { backgroundColor, borderColor, borderStyle, borderWidth, color, outlineStyle } =
        getComputedStyle(one);
      const mark = getComputedStyle(one, "::before").content;
      return JSON.stringify([
        backgroundColor,
        borderColor,
        borderStyle,
        borderWidth,
        color,
        outlineStyle,
        mark,
      ]);
    };
    const chosen = "[aria-current], [aria-pressed='true'], label:has(.visually-hidden:checked)";
    for (const one of [...within.querySelectorAll(chosen)].filter(seen)) {
      const others = [...one.closest("nav, ul, [role='group'], fieldset").querySelectorAll(one.localName)];
      const other = others.find((it) => !it.matches(chosen) && it.className === one.className);
      if (other && look(other) === look(one)) faults.push(`as what is not chosen: ${one.outerHTML}`);
    }
    return faults;
  });
  await page.emulateMedia({ forcedColors: "none" });
  same(found, [], `forced colours, ${where}`);
}

/** With reduced motion nothing moves for longer than 0.01 s. */
async function still(page, where) {
  await page.emulateMedia({ reducedMotion: "reduce" });
  const moving = await page.evaluate(() =>
    [...document.querySelectorAll("*")].flatMap((one) => {
      const { animationDuration, transitionDuration, scrollBehavior } = getComputedStyle(one);
      const longest = Math.max(...`${animationDuration},${transitionDuration}`.split(",").map(parseFloat));
      return longest > 0.01 || scrollBehavior === "smooth" ? [one.outerHTML.slice(0, 200)] : [];
    }),
  );
  same(moving, [], `what moves, ${where}`);
}

/** On a phone the rows of links show the one of this page. */
const unseen = (page) =>
  page.evaluate(async () => {
    await new Promise((go) => requestAnimationFrame(go));
    return [...document.querySelectorAll("nav [aria-current]")]
      .filter(
        (one) => one.getBoundingClientRect().left < 0 || one.getBoundingClientRect().left > innerWidth - 40,
      )
      .map((one) => one.textContent);
  });

/** What is asked of every page; it is told of all pages at once. */
async function judged(browser, page, where) {
  const ask = (what) => what(page, where).catch((error) => browser.faults.push(error.message));
  await unfold(page);
  await ask(inert);
  await ask(forced);
  await ask(still);
  await browser.check(page, where, ["light"]);
  for (const width of [360, 320]) {
    await page.setViewportSize({ width, height: HEIGHT });
    await ask(async () => same(await sideways(page), 0, `pixels to the side of ${width}, ${where}`));
    await ask(async () => same(await unseen(page), [], `current, and not seen at ${width}, ${where}`));
  }

  await browser.check(page, `${where}, at 400 %`, ["dark"]);
  await page.setViewportSize({ width: 1280, height: HEIGHT });
}

/** By which buttons dialogs open, on the pages of these addresses. Of several the one is taken whose name turns text. */
const DIALOGS = [
  [/^\/tokens$/, /^Replace .*\u202e/, /^Delete .*\u202e/],
  [/^\/people$/, /^Invite somebody$/, /^Deactivate .*\u202e/],
  [/^\/channels\/[^/]+\/sources$/, /^Edit .*\u202e/, /^New secret: .*\u202e/, /^Delete .*\u202e/],
  [/\?outlet=/, /^Edit$/, /^Delete$/],
  [/^\/bots\/[^/]+\/handler$/, /^Remove the handler$/],
];

/** What is asked of a page is asked of its dialogs, less of what is alike in all of them. */
async function opened(browser, page, route) {
  for (const button of DIALOGS.flatMap(([at, ...buttons]) => (at.test(route) ? buttons : []))) {
    const where = `${route}, the dialog of ${button}`;
    const ask = (what) => what(page, where).catch((error) => browser.faults.push(error.message));
    await page.locator("main").getByRole("button", { name: button }).first().click();
    const dialog = page.locator("dialog[open]");
    await dialog.waitFor();
    await ask(inert);
    await ask(forced);
    await browser.check(page, where, ["light"]);
    await page.setViewportSize({ width: 320, height: HEIGHT });
    const past = () => dialog.evaluate((one) => one.scrollWidth - one.clientWidth);
    await ask(async () => same([await sideways(page), await past()], [0, 0], `to the side of 320, ${where}`));
    await browser.check(page, `${where}, at 400 %`, ["dark"]);
    await page.setViewportSize({ width: 1280, height: HEIGHT });
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  }
}

/** Which pages' script was made. */
const made = () =>
  readdirSync(new URL("../dist/assets", import.meta.url))
    .filter((file) => /(Page|View)-[^.]+\.js\.gz$/.test(file))
    .map((file) => file.replace(/\.gz$/, ""));

export const walk = {
  async walk(browser) {
    for (const path of ["/", "/#invitation=psi_none", "/#sign-in=psi_none"]) {
      const page = await browser.visit(path);
      await idle(page)();
      await light(page, path, 45);
      await judged(browser, page, path);
      await page.close();
    }
    const page = await browser.visit("/", { userAgent: options.agent });
    const loaded = new Set();
    page.on("request", (one) => loaded.add(one.url().split("/").pop()));
    const settled = idle(page);
    await signIn(page, options);
    for (const route of routes()) {
      await page.goto(`${browser.url}/#${route}`);
      await page.reload();
      await settled();
      await light(page, route).catch((error) => browser.faults.push(error.message));
      await judged(browser, page, route);
      await opened(browser, page, route);
    }
    same(
      made().filter((file) => !loaded.has(file)),
      [],
      "pages that no address led to",
    );
  },
};
