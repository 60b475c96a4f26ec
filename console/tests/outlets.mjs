// What the owner of a channel does with its outlets.
import { focused, same, signIn } from "./browser.mjs";
import { light, options, shot, sideways } from "./given.mjs";

/** It is refused where it stands, then made; its secret is shown, and shown no more. */
async function made(browser, page) {
  await page.getByRole("button", { name: "Create outlet" }).press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Add New Webhook to Workspace").waitFor();
  await browser.check(page, "create an outlet");
  await dialog.getByLabel("To", { exact: true }).selectOption({ label: "ntfy" });
  same(await dialog.getByLabel("URL").getAttribute("placeholder"), "https://ntfy.sh", "where it usually is");
  await dialog.getByLabel("To", { exact: true }).selectOption({ label: "Any URL" });
  await dialog.getByLabel("URL").fill("ftp://example.org/");
  await dialog.getByLabel("Name").fill("Our pager");
  await page.keyboard.press("Enter");
  await dialog.locator("[name=url][aria-invalid]").waitFor();
  await dialog.getByLabel("URL").fill(options.handler);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Our pager" }).waitFor();
  const secret = await page.getByLabel("Signing secret", { exact: true }).inputValue();
  same(secret.startsWith("whsec_"), true, "the secret");
}

export const outlets = {
  // An outlet is made, tested, paused, edited, signed anew, found from the list of all deliveries, and deleted.
  async outlets(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await page.goto(`${browser.url}/#/channels/${options.channel}/outlets`);
    await page.getByText("There is no outlet").waitFor();
    await made(browser, page);
    await page.getByText("Nothing has been pushed yet.", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Send a test" }).press("Enter");
    await page.getByText("It works: the last message has arrived.").waitFor();
    await page.getByRole("link", { name: /^Delivery \d/ }).waitFor();
    await light(page, "an outlet");
    await browser.check(page, "an outlet");
    await shot(page, "outlet");
    await page.getByRole("button", { name: "Pause" }).press("Enter");
    await page.getByText("Paused: messages wait").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByText("It goes on.").waitFor();
    await page.getByRole("button", { name: "Edit" }).press("Enter");
    await page.getByRole("dialog").getByLabel("Name").fill("The pager");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "The pager" }).waitFor();
    same(await focused(page), "Edit", "the focus after it is saved");
    await page.getByRole("button", { name: "Make a new one" }).click();
    await page.getByRole("button", { name: "Make it" }).click();
    await page.getByText("signs until").waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    same(await sideways(page), 0, "pixels to the side");
    await page.goto(`${browser.url}/#/deliveries?target=outlet:none`);
    await page.getByRole("button", { name: "Take out: Of: outlet:none" }).press("Enter");
    await page.getByText("What is shown").click();
    const of = `The pager, outlet of ${options.title}`;
    await page.getByLabel("Of", { exact: true }).selectOption({ label: of });
    await page.getByRole("button", { name: "Show" }).press("Enter");
    await page.getByRole("button", { name: `Take out: Of: ${of}` }).waitFor();
    await page.getByRole("link", { name: /^The pager, outlet of .*Delivery \d/ }).press("Enter");
    const one = page.getByRole("region", { name: /^Delivery \d/ });
    await one.getByText("Answered 200").first().waitFor();
    await page.getByRole("link", { name: "Outlets" }).last().click();
    await page.getByRole("link", { name: "The pager" }).press("Enter");
    await page.getByRole("heading", { name: "The pager" }).waitFor();
    same(await focused(page), "The pager", "the focus after the row is gone");
    await page.getByRole("button", { name: "Delete" }).press("Enter");
    await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("The pager is deleted.").waitFor();
    same(await focused(page), options.title, "the focus after the outlet is gone");
  },
};
