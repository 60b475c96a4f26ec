// A thousand channels: listed, searched, and chosen from, without the page being in the way.
import { cpuOf, same, signIn } from "./browser.mjs";
import { options } from "./given.mjs";

const MOST_MS = 1000; // of the page's thread, for one thing that a person does

const msOf = async (page, what) => Math.round((await cpuOf(page, what)).spent);

export const thousand = {
  async thousand(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    const spent = {};
    const rows = page.locator("main").getByRole("listitem");
    spent.list = await msOf(page, async () => {
      await page.getByRole("link", { name: "Channels", exact: true }).click();
      await rows.nth(49).waitFor();
    });
    spent.more = await msOf(page, async () => {
      await page.getByRole("button", { name: "Show more" }).click();
      await rows.nth(99).waitFor();
    });
    spent.search = await msOf(page, async () => {
      await page.getByRole("searchbox").fill(options.last);
      await page.getByRole("link", { name: options.last, exact: true }).waitFor();
    });
    same(await rows.count(), 1, "channels of that name");
    await page.getByRole("link", { name: "Webhook Tokens" }).first().click();
    await page.getByRole("button", { name: "Create New Token" }).click();
    const boxes = page.getByRole("dialog").getByRole("checkbox", { name: /^c\d{3}$/ });
    spent.scope = await msOf(page, async () => {
      await page.getByLabel("Only what I choose").check();
      await boxes.nth(options.count - 1).waitFor();
    });
    spent.choose = await msOf(page, async () => {
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
