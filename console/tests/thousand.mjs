// A thousand channels: listed, searched, and chosen from, without the page being in the way.
import { same, signIn } from "./browser.mjs";
import { options } from "./given.mjs";

const MOST_MS = 1000; // of the page's thread, for one thing that a person does

/** How long the page's thread has computed for WHAT, in ms. */
async function cpuOf(page, what) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const task = async () => {
    const { metrics } = await devtools.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration").value * 1000;
  };
  const before = await task();
  await what();
  const spent = (await task()) - before;
  await devtools.detach();
  return Math.round(spent);
}

export const thousand = {
  async thousand(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    const spent = {};
    const rows = page.locator("main").getByRole("listitem");
    spent.list = await cpuOf(page, async () => {
      await page.getByRole("link", { name: "Channels", exact: true }).click();
      await rows.nth(49).waitFor();
    });
    spent.more = await cpuOf(page, async () => {
      await page.getByRole("button", { name: "Show more" }).click();
      await rows.nth(99).waitFor();
    });
    spent.search = await cpuOf(page, async () => {
      await page.getByRole("searchbox").fill(options.last);
      await page.getByRole("link", { name: options.last, exact: true }).waitFor();
    });
    same(await rows.count(), 1, "channels of that name");
    await page.getByRole("link", { name: "Webhook Tokens" }).first().click();
    await page.getByRole("button", { name: "Create New Token" }).click();
    const boxes = page.getByRole("dialog").getByRole("checkbox", { name: /^c\d{3}$/ });
    spent.scope = await cpuOf(page, async () => {
      await page.getByLabel("Only what I choose").check();
      await boxes.nth(options.count - 1).waitFor();
    });
    spent.choose = await cpuOf(page, async () => {
      await page.getByRole("dialog").getByRole("searchbox").fill(options.last);
      await boxes.nth(1).waitFor({ state: "detached" });
    });
    await boxes.check();
    await page.getByRole("button", { name: "Create token" }).click();
    await page.getByText(`/${options.last}/`).first().waitFor();
    console.log("ms of the page's thread:", spent);
    for (const [what, ms] of Object.entries(spent))
      if (ms > MOST_MS) throw new Error(`${what} of a thousand channels: ${ms} ms`);
  },
};
