// A browser as people have it: Debian's Chromium under the gateway's real policy. What the policy stops, what a
// script throws and what axe finds wrong fail the scenario.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = {
  light: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] },
  dark: { type: "rule", values: ["color-contrast", "link-in-text-block", "target-size"] },
};

export class Browser {
  /** That of serve.mjs, AT its address. */
  static async open(url, at) {
    const made = new Browser();
    made.url = url;
    made.faults = [];
    made.browser = await chromium.connect(at);
    return made;
  }

  /** A page of a visitor of its own, with its own cookies. */
  async visit(path = "/", options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    context.setDefaultTimeout(30_000);
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${event.violatedDirective} stopped ${event.blockedURI} ${event.sample}`),
      );
    });
    const page = await context.newPage();
    page.on("pageerror", (error) => this.faults.push(`thrown: ${error.stack}`));
    page.on("console", (said) => {
      // A refusal that is part of the scenario stands in the browser's log as well.
      if (said.type() === "error" && !/^Failed to load resource: /.test(said.text()))
        this.faults.push(said.text());
    });
    await page.goto(this.url + path);
    return page;
  }

  /** What axe finds: in light by all rules, in dark by those about colours, and about sizes, which a page's width alters. */
  async check(page, where, schemes = ["light", "dark"]) {
    const devtools = await page.context().newCDPSession(page);
    const evaluate = (expression) =>
      devtools.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if ((await evaluate("typeof axe")).result.value === "undefined") await evaluate(AXE);
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const runOnly = JSON.stringify(RULES[colorScheme]);
      const { result } = await evaluate(
        `axe.run({ runOnly: ${runOnly}, resultTypes: ["violations"] }).then((found) => JSON.stringify(found.violations))`,
      );
      for (const { id, nodes } of JSON.parse(result.value))
        this.faults.push(
          `${where}, ${colorScheme}: ${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("\n  ")}`,
        );
    }
    await devtools.detach();
  }

  async close() {
    await this.browser.close(); // and with it what its visitors had; the process goes on
    this.faults = this.faults.filter((fault) => !this.meant?.test(fault));
    if (this.faults.length) throw new Error("faults on the pages:\n" + this.faults.join("\n"));
  }
}

export async function signIn(page, { email, password }) {
  await page.getByLabel("Email address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Active Webhook Tokens" }).waitFor();
}

export function same(got, wanted, what) {
  const [one, other] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (one !== other) throw new Error(`${what}: ${one}, and not ${other}`);
}

/** Waits until CONDITION gives what is true. */
export async function until(condition, what) {
  const end = Date.now() + 30_000;
  for (;;) {
    const got = await condition();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((go) => setTimeout(go, 50));
  }
}

/** What a click on BUTTON copies. A list that scrolls to its end between the mouse's down and up loses the click: BUTTON
 *  is called otherwise as soon as it has copied, so while it is not it is clicked again. */
export async function copied(page, button) {
  await page.evaluate(() => navigator.clipboard.writeText(""));
  return until(async () => {
    if (await button.isVisible()) await button.click();
    return page.evaluate(() => navigator.clipboard.readText());
  }, "what was copied");
}

/** What a click on BUTTON copies in a page that came by http from another host, which has no navigator.clipboard. */
export async function copiedWithout(page, button) {
  await page.evaluate(async () => {
    window.clipboard = navigator.clipboard;
    await window.clipboard.writeText("");
    Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true });
  });
  await button.click();
  const text = await until(() => page.evaluate(() => window.clipboard.readText()), "what was copied");
  await page.evaluate(() => delete navigator.clipboard);
  return text;
}

/** What has the focus, in words. */
export const focused = (page) =>
  page.evaluate(() => {
    const at = document.activeElement;
    return at === document.body ? "nothing" : at.getAttribute("aria-label") || at.textContent.trim();
  });

/** How long the page's thread has computed for WHAT, in ms, and what came of it. */
export async function cpuOf(page, what) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const task = async () => {
    const { metrics } = await devtools.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration").value * 1000;
  };
  const before = await task();
  const result = await what();
  const spent = (await task()) - before;
  await devtools.detach();
  return { spent, result };
}
