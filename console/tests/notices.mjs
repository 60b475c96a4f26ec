// Notifications of the browser: asked for on a click, given for what nobody looks at.
import { same, signIn, until } from "./browser.mjs";
import { options } from "./given.mjs";

const shown = (page) => page.evaluate(() => window.shown.map(({ title, body }) => `${title}: ${body}`));

export const notices = {
  async notices(browser) {
    const page = await browser.visit();
    await page.context().addInitScript(() => {
      window.shown = [];
      window.asked = 0;
      const Real = Notification;
      window.Notification = class extends Real {
        constructor(title, more) {
          super(title, more);
          window.shown.push({ title, body: more.body, notice: this });
        }
        static requestPermission() {
          window.asked++;
          return Real.requestPermission();
        }
      };
    });
    const say = async (text) => {
      const answer = await fetch(options.endpoint, {
        method: "POST",
        headers: { Authorization: `Bearer ${options.token}`, "Content-Type": "application/json" },
        body: JSON.stringify({ text }),
      });
      if (!answer.ok) throw new Error(await answer.text());
    };
    await signIn(page, options);
    await page.goto(`${browser.url}/#/channels/${options.channel}`);
    await page.reload();
    const button = page.getByRole("button", { name: "Notify me" });
    await button.waitFor();
    same(await page.evaluate(() => window.asked), 0, "how often leave was asked for before a click");
    await button.click();
    await page.getByText("shows no notifications of this address").waitFor();
    await browser.check(page, "notifications refused");
    await page.context().grantPermissions(["notifications"]);
    await button.click();
    await page.getByRole("button", { name: "Notify me", pressed: true }).waitFor();
    await page.getByText("Live", { exact: true }).waitFor();
    await say("while it is looked at");
    await page.getByText("while it is looked at").waitFor();

    await page.getByRole("link", { name: "Sessions" }).click();
    await page.getByText("This one").waitFor();
    await say("from another page");
    await until(async () => (await shown(page)).length, "a notification");
    await page.reload();
    await page.getByText("This one").waitFor();
    await until(async () => {
      await say("after a reload");
      return (await shown(page)).length;
    }, "a notification after a reload");
    const [first] = await shown(page);
    if (!/: .*: after a reload$/.test(first)) throw new Error(`the notification: ${first}`);
    await page.evaluate(() => window.shown[0].notice.dispatchEvent(new Event("click")));
    await button.click();
    await page.getByRole("button", { name: "Notify me", pressed: false }).waitFor();
    same(await page.evaluate(() => Object.keys(localStorage).length), 0, "what is kept");
  },
};
