// Eight tabs of one browser on one channel, by one stream, whatever happens to who reads it.
import { options } from "./given.mjs";
import { same, signIn, until } from "./browser.mjs";

const TABS = 8;
const HOUR_MS = 3_600_000;

/** Posts it, while the gateway is started again, too. */
async function say(text) {
  const post = () =>
    fetch(options.endpoint, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${options.token}`,
        "Content-Type": "application/json",
        "Idempotency-Key": text,
      },
      body: JSON.stringify({ text }),
    }).then(
      (answer) => answer.ok,
      () => false,
    );
  await until(post, `${text} to be taken`);
}

/** Each tab has what was said, once and in order. */
async function have(pages, said) {
  for (const page of pages) {
    await page.getByText(said.at(-1), { exact: true }).waitFor();
    const shown = await page.getByRole("article").allInnerTexts();
    same(
      shown.flatMap((text) => text.match(/tabs: \d+/g) ?? []),
      said,
      "what a tab shows",
    );
  }
}

export const tabs = {
  async tabs(browser) {
    const first = await browser.visit();
    const streams = new Set();
    const ended = (one) => streams.delete(one);
    const context = first.context();
    context.on("request", (one) => one.url().includes("/streams") && streams.add(one));
    context.on("requestfinished", ended).on("requestfailed", ended);
    await signIn(first, options);
    const pages = [first];
    for (let i = 1; i < TABS; i++) pages.push(await context.newPage());
    for (const page of pages) {
      await page.goto(`${browser.url}/#/channels/${options.channel}`);
      await page.getByText("Live", { exact: true }).waitFor();
    }
    same(streams.size, 1, "streams of eight tabs");

    // Who reads goes, and nobody reads for a moment: until now nothing has come from which to go on.
    let open;
    const opened = new Promise((go) => (open = go));
    await context.route(/\/streams/, (route) => opened.then(() => route.continue()));
    await pages.shift().close();
    await until(() => streams.size === 1, "another tab to read");
    await say("tabs: 1");
    open();
    await have(pages, ["tabs: 1"]);
    await context.unroute(/\/streams/);

    // The clock goes back, and the gateway is another process.
    for (const page of pages)
      await page.evaluate((ms) => {
        const now = Date.now;
        Date.now = () => now() - ms;
      }, HOUR_MS);
    await say("tabs: 2");
    await have(pages, ["tabs: 1", "tabs: 2"]);
    process.kill(options.pid, "SIGKILL");
    for (const text of ["tabs: 3", "tabs: 4"]) await say(text);
    await have(pages, ["tabs: 1", "tabs: 2", "tabs: 3", "tabs: 4"]);
  },
};
