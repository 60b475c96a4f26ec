// Content that means harm, in what comes after a click: people that are found, and a handler's answer. What is there on a
// page, the walk over all pages has.
import { same, signIn } from "./browser.mjs";
import { options, sideways } from "./given.mjs";

/** Nothing of it is more than text, and the page is as wide as it was. */
async function inert(browser, page, where) {
  same(await sideways(page), 0, `pixels to the side, ${where}`);
  same(
    await page.evaluate(() => [
      document.querySelectorAll("main :is(img, script, iframe, b, [onerror], a[href^='javascript' i])")
        .length,
      window.hit ?? null,
    ]),
    [0, null],
    `markup, ${where}`,
  );
  await browser.check(page, `hostile, ${where}`);
}

export const hostile = {
  async hostile_places(browser) {
    const page = await browser.visit("/", { viewport: { width: 320, height: 640 } });
    await signIn(page, options);
    const at = `${browser.url}/#/bots/${options.bot}`;
    await page.goto(`${at}/subscribers`);
    await page.getByLabel("Add somebody").fill(options.person.slice(0, 10));
    await page.getByText("is in", { exact: true }).waitFor();
    await inert(browser, page, "people that are found");
    await page.goto(`${at}/connectors`);
    await page.getByRole("button", { name: "Send a test message to Incoming Webhook Endpoint" }).click();
    await page.getByText("The handler answered").waitFor();
    await page.getByText("<h1>Bad Gateway").waitFor();
    await inert(browser, page, "a handler's answer");
  },
};
