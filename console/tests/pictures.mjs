// The pictures of docs/pictures, of an installation that looks like one in use. They prove nothing: ./dev pictures makes
// them.
import { signIn } from "./browser.mjs";
import { options, shot } from "./given.mjs";

const heading = (page, name) => page.getByRole("heading", { name, exact: true }).first();

export const pictures = {
  async pictures(browser) {
    const page = await browser.visit("/", { colorScheme: "light", viewport: { width: 1280, height: 800 } });
    await signIn(page, options);
    const go = async (path, shown) => {
      await page.goto(`${browser.url}/#/${path}`);
      await shown(page).waitFor();
      await page.mouse.move(0, 0);
    };
    const { channel, bot } = options;
    await go(`channels/${channel}`, (one) => one.getByRole("article").last().getByText("build 42"));
    await shot(page, "channel");
    await go(`channels/${channel}/members`, (one) => one.getByRole("button", { name: "Remove Bob" }));
    await page.getByLabel("Add somebody").fill("car");
    await page.getByRole("button", { name: "Add Carol" }).waitFor();
    await shot(page, "members");
    await go(`channels/${channel}/connectors`, (one) => heading(one, "API Endpoint"));
    await shot(page, "connectors");
    await go(`channels/${channel}/senders?sender=grafana`, (one) => one.getByRole("article").last());
    await page.getByRole("heading", { name: "How it is set up" }).evaluate((one) => one.scrollIntoView());
    await shot(page, "sender");
    await go(`bots/${bot}`, (one) => one.getByText("Event by POST"));
    await page.getByText("Event by POST").click();
    await page.getByRole("table", { name: "Headers" }).waitFor();
    await page.getByRole("region", { name: "Messages" }).evaluate((box) => box.scrollTo(0, 40));
    await shot(page, "request");
    await go("health", (one) => one.getByText(/^All \d+ processes are ready/));
    await page.locator("canvas").first().waitFor();
    await shot(page, "health");
    await page.setViewportSize({ width: 390, height: 780 });
    await go(`channels/${channel}`, (one) => one.getByRole("article").last().getByText("build 42"));
    await shot(page, "phone");
  },
};
