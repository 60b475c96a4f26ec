// What a person does, one function a scenario. argv: its name; stdin: what it needs as JSON (url, email,
// password, …).
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Browser, copied, copiedWithout, focused, same, signIn, until } from "./browser.mjs";
import { account } from "./account.mjs";
import { deliveries } from "./deliveries.mjs";
import { copyAndClose, create, options, row, scripts, shot, sideways } from "./given.mjs";
import { faults } from "./faults.mjs";
import { hostile } from "./hostile.mjs";
import { keys } from "./keys.mjs";
import { many } from "./many.mjs";
import { notices } from "./notices.mjs";
import { outlets } from "./outlets.mjs";
import { pictures } from "./pictures.mjs";
import { people } from "./people.mjs";
import { places } from "./places.mjs";
import { ready } from "./ready.mjs";
import { request } from "./request.mjs";
import { sources } from "./sources.mjs";
import { senders } from "./senders.mjs";
import { tabs } from "./tabs.mjs";
import { thousand } from "./thousand.mjs";
import { walk } from "./walk.mjs";

const run = promisify(execFile);
const list = (page) => page.getByRole("region", { name: "Messages" });

/** Where the first message in view stands, and which it is. */
const firstInView = (page) =>
  list(page).evaluate((box) => {
    const top = box.getBoundingClientRect().top;
    const first = [...box.querySelectorAll("article")].find((one) => one.getBoundingClientRect().top >= top);
    return [first.textContent.match(/message \d+/)[0], first.getBoundingClientRect().top];
  });

/** The list stands still under who reads back: when messages come, and when older ones are loaded. */
async function scrolledBack(page, say) {
  const stays = (box) => {
    box.scrollTo(0, box.scrollHeight - box.clientHeight - 1500);
    return new Promise((go) =>
      setTimeout(() => go(box.scrollTop + box.clientHeight < box.scrollHeight - 1000), 200),
    );
  };
  await until(() => list(page).evaluate(stays), "the list to stand where it was scrolled to"); // it goes to its end yet
  const before = await firstInView(page);
  for (let i = 0; i < 12; i++) await say({ text: `late ${i}` });
  await page.getByRole("button", { name: "12 new" }).waitFor();
  same(await firstInView(page), before, "what is read while 12 messages come");
  const oldest = await list(page).evaluate((box) => {
    box.scrollTo(0, 0);
    return box.scrollHeight;
  });
  await until(() => list(page).evaluate((box, was) => box.scrollHeight > was + 500, oldest), "older ones");
  for (let i = 0; i < 20 && !(await page.getByText("message 0", { exact: true }).count()); i++) {
    await list(page).evaluate((box) => box.scrollTo(0, 0));
    await page.waitForTimeout(50);
  }
  await page.getByText("message 0", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await say({ text: "while paused" });
  await page.getByRole("button", { name: "Go on: 1 new" }).click();
  await page.getByRole("button", { name: "13 new" }).click();
  await page.getByText("while paused").waitFor();
}

/** A message is found, and shown among the others. */
async function found(browser, page) {
  await page.getByRole("heading", { level: 1 }).press("/");
  await page.keyboard.type("message 30");
  await page.getByText(/^1 message found in \d+ messages/).waitFor();
  await browser.check(page, "found");
  await page.getByRole("link", { name: "Among the others" }).click();
  await list(page).getByText("message 30", { exact: true }).waitFor();
  await list(page).getByText("message 31", { exact: true }).waitFor();
  await page.getByRole("button", { name: "To the newest" }).click();
  await list(page).getByText("while paused").waitFor();
}

/** A message with all that there may be in it is inert, and the layout whole, on a telephone, too. */
async function hostileCard(browser, page, say) {
  await say(options.card);
  await list(page).getByText("slide 12").waitFor();
  await browser.check(page, "every slide");
  const table = list(page).getByRole("region").first();
  await table.evaluate((box) => (box.scrollIntoView(), box.scrollTo(0, box.scrollHeight)));
  await page.waitForTimeout(100);
  await say({ text: "while a table is looked through" });
  await page.getByRole("button", { name: "1 new" }).click();
  same(
    await copied(page, page.getByRole("button", { name: "Copy: Key" })),
    "copied from a button",
    "what a button copies",
  );
  await page.setViewportSize({ width: 360, height: 740 });
  await page.waitForTimeout(100);
  same(await sideways(page), 0, "pixels to the side");
  same(
    await page.evaluate(() => [
      document.querySelectorAll("main :is(img, script, iframe, b, [onerror], a[href^='javascript' i])")
        .length,
      window.hit ?? null,
    ]),
    [0, null],
    "markup",
  );
}

const scenarios = {
  ...faults,
  ...hostile,
  ...keys,
  ...many,
  ...notices,
  ...outlets,
  ...pictures,
  ...places,
  ...ready,
  ...request,
  ...account,
  ...deliveries,
  ...people,
  ...senders,
  ...sources,
  ...tabs,
  ...thousand,
  ...walk,

  // Wrong password, second factor, the pages' names, sign out.
  async signing_in(browser) {
    const page = await browser.visit();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.getByLabel("Email address").fill(options.email);
    await page.getByLabel("Password").fill("not the password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("is wrong").waitFor();
    await browser.check(page, "sign-in refused");
    await page.getByLabel("Password").fill(options.password);
    await page.keyboard.press("Enter");
    if (options.codes) {
      await page.getByLabel("Code").waitFor();
      await until(
        async () => (await page.evaluate(() => document.activeElement.autocomplete)) === "one-time-code",
        "the focus",
      );
      await browser.check(page, "code");
      await page.keyboard.type(options.codes[0]);
      await page.keyboard.press("Enter");
    }
    await page.getByRole("heading", { name: "Webhook Tokens", exact: true }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Active Webhook Tokens" }).waitFor();
    await browser.check(page, "no tokens");
    await page.getByRole("link", { name: "Sessions" }).click();
    await page.getByText("This one").waitFor();
    await page.goto(browser.url + "/#/nowhere");
    await page.getByRole("heading", { name: "There is no such page" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    same(await page.context().cookies(), [], "cookies after the sign-out");
  },

  async invited(browser) {
    const page = await browser.visit(options.link.slice(browser.url.length));
    await page.getByText(options.email).waitFor();
    same(new URL(page.url()).hash, "", "what is behind the # afterwards");
    await browser.check(page, "invitation");
    await page.getByLabel("Your name").fill("Ada");
    await page.getByLabel("Password").fill("password12");
    await page.getByRole("button", { name: "Set the password" }).click();
    await page.getByRole("alert").getByText("easy to guess").waitFor();
    await page.getByLabel("Password").fill(options.password);
    await page.getByRole("button", { name: "Set the password" }).click();
    await page.getByRole("heading", { name: "Active Webhook Tokens" }).waitFor();
    const again = await browser.visit(options.link.slice(browser.url.length));
    await again.getByText("not good any more").waitFor();
    await again.getByRole("button", { name: "To the sign-in page" }).click();
    await again.getByRole("heading", { name: "Sign in" }).waitFor();
  },

  // A link signs in once, and says so when it is used or forged.
  async signed_in_by_link(browser) {
    const path = options.link.slice(browser.url.length);
    const page = await browser.visit(path);
    await page.getByRole("heading", { name: "Active Webhook Tokens" }).waitFor();
    same(new URL(page.url()).hash, "", "what is behind the # afterwards");
    await page.reload();
    await page.getByRole("heading", { name: "Active Webhook Tokens" }).waitFor();
    for (const dead of [path, path.slice(0, -3) + "AAA"]) {
      const again = await browser.visit(dead, { viewport: { width: 360, height: 740 } });
      await again.getByRole("alert").getByText("not good any more").waitFor();
      same(await sideways(again), 0, "pixels to the side");
      await again.getByRole("button", { name: "To the sign-in page" }).press("Enter");
      await again.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
    }
    const two = await Promise.all([1, 2].map(() => browser.visit(options.raced.slice(browser.url.length))));
    const came = await Promise.all(
      two.map((one) =>
        Promise.any([
          one
            .getByRole("heading", { name: "Active Webhook Tokens" })
            .waitFor()
            .then(() => "in"),
          one
            .getByText("not good any more")
            .waitFor()
            .then(() => "dead"),
        ]),
      ),
    );
    same(came.sort(), ["dead", "in"], "two at once");
  },

  // From a new token to its first call, replaced under use, deleted.
  async tokens(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await page.getByRole("button", { name: "Create New Token" }).click();
    await page.getByLabel("Only what I choose").check();
    await page.getByRole("button", { name: "Create token" }).click();
    await page.getByText("Choose at least one").waitFor();
    await page.getByLabel(options.channel).check();
    await browser.check(page, "create");
    await page.getByLabel("Name").fill("CI");
    await page.getByRole("button", { name: "Create token" }).click();
    await page.getByText("Waiting for the first call").waitFor();
    const first = await page.getByLabel("Webhook token", { exact: true }).inputValue();
    await browser.check(page, "secret");
    for (const [language, program] of [
      ["Python", ["/usr/bin/python3", "-c"]],
      ["Node", [process.execPath, "-e"]],
      ["curl", ["bash", "-c"]],
    ]) {
      await page.getByText(language, { exact: true }).click();
      const lines = await page.getByRole("region", { name: "Try it" }).innerText();
      const done = await run(program[0], [
        program[1],
        language === "Node" ? `(async () => {${lines}})()` : lines,
      ]);
      if (language !== "curl") same(done.stdout.trim(), "204", language);
    }
    await page.getByText("The first call has arrived").waitFor();
    await shot(page, "first-call");
    await page.keyboard.press("Escape");
    await page.getByText("has not been copied").waitFor();
    await page.getByRole("button", { name: "Back to the token" }).click();
    same(
      await copiedWithout(page, page.getByRole("button", { name: "Copy the token" })),
      first,
      "what was copied",
    );
    await page.getByRole("button", { name: "Done" }).click();
    same(await focused(page), "Create New Token", "the focus after the dialog");
    await row(page, "CI").getByText("3 in 24 h").waitFor();
    await row(page, "CI").getByRole("img").waitFor();
    await create(page, "Grafana");
    await copyAndClose(page);
    await shot(page, "tokens");

    await row(page, "CI")
      .getByRole("button", { name: /^Replace/ })
      .click();
    await browser.check(page, "replace");
    await page.getByRole("button", { name: "Replace token" }).click();
    await page.getByText("and has not been used since").waitFor();
    const second = await page.getByLabel("Webhook token", { exact: true }).inputValue();
    same((await options.post(first)).status, 204, "the old one in its overlap");
    await page.getByText("and was used last").waitFor();
    await copyAndClose(page);
    const former = page
      .locator("section")
      .filter({ has: page.getByRole("heading", { name: "Replaced and ended" }) });
    await former.getByText("Still in use since it was replaced").waitFor();
    await browser.check(page, "replaced");
    await former.getByRole("button", { name: /^End it now: CI/ }).click();
    await page.getByRole("button", { name: "Delete token" }).click();
    await until(async () => (await options.post(first)).status === 401, "the old one to be refused");
    same((await options.post(second)).status, 204, "the new one");

    const active = page
      .locator("section")
      .filter({ has: page.getByRole("heading", { name: "Active Webhook Tokens" }) });
    await row(page, "CI", active)
      .getByRole("button", { name: /^Delete/ })
      .click();
    await page.getByText("Make sure to replace a deleted webhook token with a new one").waitFor();
    await page
      .getByRole("alertdialog")
      .getByText(/It was accepted 1 time/)
      .waitFor();
    await page.getByRole("button", { name: "Replace it instead" }).waitFor();
    await browser.check(page, "delete");
    await page.getByRole("button", { name: "Delete token" }).click();
    await row(page, "CI", active).waitFor({ state: "detached" });
    same(await focused(page), "Webhook Tokens", "the focus after the row is gone");
    same((await options.post(second)).status, 401, "what was deleted");
  },

  // A channel as it is watched: what comes, what has been, what is found; two tabs by one stream.
  async channel(browser) {
    const page = await browser.visit();
    const streams = [];
    page.context().on("request", (one) => one.url().includes("/streams") && streams.push(one.url()));
    const say = async (message, query = "") => {
      const answer = await fetch(options.endpoint + query, {
        method: "POST",
        headers: { Authorization: `Bearer ${options.token}`, "Content-Type": "application/json" },
        body: JSON.stringify(message),
      });
      if (!answer.ok) throw new Error(await answer.text());
    };
    await signIn(page, options);
    await page.getByRole("link", { name: "Channels", exact: true }).click();
    await page.getByRole("link", { name: options.channel, exact: true }).click();
    await page.getByRole("heading", { name: options.channel, level: 1 }).waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByText("message 149", { exact: true }).waitFor();
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.getByText("Live", { exact: true }).waitFor();

    await say({ text: "build 42: running" }, "?message_key=b");
    for (const one of [page, other]) await one.getByText("build 42: running").waitFor();
    await say({ text: "build 42: passed" }, "?message_key=b");
    for (const one of [page, other]) await one.getByText("build 42: passed").waitFor();
    same(await page.getByText("build 42: running").count(), 0, "what was edited");
    same(streams.length, 1, "streams of two tabs");
    await page.close();
    await say({ text: "after the first tab" });
    await other.getByText("after the first tab").waitFor();
    await until(() => streams.length === 2, "the other tab to read by itself");

    await scrolledBack(other, say);
    await other.getByLabel("Post a message").fill("typed by hand");
    await other.keyboard.press("Control+Enter");
    await other.getByText("It is stored.").waitFor();
    await other.getByRole("article").getByText("typed by hand").waitFor();
    await found(browser, other);
    await hostileCard(browser, other, say);
  },

  // The ring as it is, a process that stands still, is killed, and is started again.
  async health(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await page.getByRole("link", { name: "Health" }).click();
    const sentence = page.getByRole("status").filter({ hasText: /./ });
    await sentence.getByText(/^All \d+ processes are ready/).waitFor();
    const card = row(page, "extension-0").last();
    await card.getByText("Ready since").waitFor();
    await page.getByText("The last hour").waitFor();
    await page.locator("canvas").first().waitFor();
    await page.getByText("As a table").click();
    await page.getByRole("columnheader", { name: "Requests a second" }).waitFor();
    const weight = await scripts(page);
    if (weight < 1000 || weight > 110 * 1024) throw new Error(`too heavy: ${weight}`);
    await page.getByRole("heading", { level: 1 }).scrollIntoViewIfNeeded();
    process.kill(options.pid, "SIGSTOP");
    try {
      await sentence.getByText("extension-0 stands still").waitFor();
      await card.getByText("Stands still since").waitFor();
      await browser.check(page, "health of one that stands still");
      await page.setViewportSize({ width: 360, height: 740 });
      same(await sideways(page), 0, "pixels to the side");
    } finally {
      process.kill(options.pid, "SIGKILL");
    }
    await sentence.getByText(/^All \d+ processes are ready/).waitFor();
    await card.getByText("Restarts seen").waitFor();
  },

  // The limit shows before it bites.
  async limit(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    for (let i = 1; i <= 5; i++) {
      await create(page, `token ${i}`);
      await copyAndClose(page);
    }
    await page.getByText("5 of 5 in use").waitFor();
    await page.getByText("which is all there may be").waitFor();
    await browser.check(page, "full");
    await page.getByRole("button", { name: "Create New Token" }).click({ force: true });
    same(await page.getByRole("dialog").count(), 0, "dialogs");
  },

  // A session that ends under a form, an API that is cut off: what was typed stays, and nothing is done twice.
  async interrupted(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await page.getByRole("button", { name: "Create New Token" }).click();
    await page.getByLabel("Name").fill("Typed before");
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Create token" }).click();
    const above = page.getByRole("dialog", { name: "Sign in again" });
    await above.waitFor();
    await browser.check(page, "sign in again");
    await above.getByLabel("Password").fill(options.password);
    await above.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Your new token" }).waitFor();
    await copyAndClose(page);
    await row(page, "Typed before").waitFor();

    await page.getByRole("button", { name: "Create New Token" }).click();
    await page.getByLabel("Name").fill("Typed offline");
    await page.context().setOffline(true);
    await page.getByRole("button", { name: "Create token" }).click();
    await page.getByRole("alert").getByText("No answer came").waitFor();
    await page.getByText("Postern does not answer").waitFor();
    same(await page.getByLabel("Name").inputValue(), "Typed offline", "what was typed");
    await page.context().setOffline(false);
    await page.getByText("Postern does not answer").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Create token" }).click();
    await page.getByRole("heading", { name: "Your new token" }).waitFor();
    await copyAndClose(page);
    same(await row(page, "Typed offline").count(), 1, "tokens of that name");
  },

  // Two tabs replace the same token: the second is told who won.
  async two_tabs(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await create(page, "shared");
    await copyAndClose(page);
    const other = await page.context().newPage();
    await other.goto(browser.url);
    for (const one of [page, other])
      await row(one, "shared")
        .getByRole("button", { name: /^Replace/ })
        .click();
    await page.getByRole("button", { name: "Replace token" }).click();
    await page.getByRole("heading", { name: "Your new token" }).waitFor();
    const last4 = (await page.getByLabel("Webhook token", { exact: true }).inputValue()).slice(-4);
    await other.getByRole("button", { name: "Replace token" }).click();
    await other.getByText(`The new one ends in ${last4}`).waitFor();
    await other.getByRole("button", { name: "Show the new one" }).press("Enter");
    await until(async () => (await focused(other)).includes(`····${last4}`), "the focus on the new one");
  },

  // Names that are markup, that turn the direction, that have no end: inert, and the layout whole at 360 px and at 400 %.
  async hostile(browser) {
    const page = await browser.visit("/", { viewport: { width: 320, height: 640 } });
    await signIn(page, options);
    for (const token of options.names)
      await page
        .getByRole("heading", { name: token.slice(0, 20) })
        .first()
        .waitFor();
    same(
      await page.evaluate(() => [
        document.querySelectorAll("main img, main script, main iframe").length,
        window.hit ?? null,
      ]),
      [0, null],
      "markup",
    );
    same(await sideways(page), 0, "pixels to the side");
    await page
      .getByRole("button", { name: /^Delete/ })
      .first()
      .click();
    await page.getByRole("alertdialog").waitFor();
    same(await sideways(page), 0, "pixels to the side of the dialog");
    await page.keyboard.press("Escape");
    browser.meant = /trusted-types-sink Element innerHTML\|<b>x|requires 'TrustedHTML'/;
    let thrown = "";
    await page
      .evaluate(() => (document.createElement("p").innerHTML = "<b>x</b>"))
      .catch((error) => (thrown = error.message));
    if (!thrown.includes("TrustedHTML")) throw new Error("innerHTML of a text is possible");
  },
};

options.post = (token) =>
  fetch(options.endpoint, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ text: "from the test" }),
  });

const browser = await Browser.open(options.url, options.browser);
let fault;
try {
  await scenarios[process.argv[2]](browser);
} catch (error) {
  fault = error;
  for (const context of browser.browser.contexts())
    for (const page of context.pages())
      console.error(`--- ${page.url()}\n${await page.locator("body").innerText().catch(String)}`);
}
await browser
  .close()
  .catch((error) => (fault = fault ? new Error(`${fault.stack}\n${error.message}`) : error));
if (fault) {
  console.error(fault);
  process.exit(1);
}
