// What an owner does with people, invitations, service accounts, everybody's tokens and the audit.
import { focused, same, signIn } from "./browser.mjs";
import { light, options, shot, sideways } from "./given.mjs";

/** Somebody is invited, and the invitation taken back, by keyboard. */
async function invitations(browser, page) {
  const email = `invited-${options.other.email}`;
  await page.getByRole("button", { name: "Invite somebody" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByLabel("Email address").fill(email);
  await browser.check(page, "invite");
  await page.keyboard.press("Enter");
  const link = await page.getByLabel("Link of the invitation").inputValue();
  same(link.includes("/#invitation=psi_"), true, "the link");
  await page.getByRole("button", { name: "Copy the link" }).click();
  await page.getByRole("button", { name: "Done" }).click();
  same(await focused(page), "Invite somebody", "the focus after the dialog");
  await page.getByRole("link", { name: "Invitations" }).click();
  await page.getByRole("button", { name: `Take it back: the invitation of ${email}` }).waitFor();
  await page.getByRole("button", { name: `Take it back: the invitation of ${email}` }).press("Enter");
  await page.getByText(`The invitation of ${email} is worth nothing any more.`).waitFor();
  same(await focused(page), "People", "the focus after the row is gone");
}

/** A service account is made, and takes over the tokens of somebody who goes. */
async function goes(browser, page) {
  const { other, account } = options;
  await page.getByRole("link", { name: "Service accounts" }).click();
  await page.getByRole("button", { name: "Create service account" }).click();
  await page.getByLabel("Account", { exact: true }).fill("Not A Name!");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("Of small letters").waitFor();
  await browser.check(page, "service account");
  await page.getByLabel("Account", { exact: true }).fill(account);
  await page.keyboard.press("Enter");
  await page.getByRole("list", { name: "Service accounts" }).getByText(account).first().waitFor();
  await page.getByRole("link", { name: "People", exact: true }).last().click();
  await page.getByLabel("Find by name or address").fill(other.email);
  await page.getByLabel(`Role of ${other.name}`).selectOption("admin");
  await page.getByText(`${other.name}: Admin.`).waitFor();
  await page.getByRole("button", { name: `Management tokens of ${other.name}` }).click();
  await page.getByRole("dialog").getByText("their inventory").waitFor();
  await browser.check(page, "management tokens of somebody");
  await page.getByRole("dialog").getByRole("button", { name: "Delete their inventory" }).press("Enter");
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).press("Enter");
  await page.getByText("their inventory is deleted.").waitFor();
  await page.getByText("There is none.").waitFor();
  same(await focused(page), "Close", "the focus after the row of the dialog is gone");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: `Deactivate ${other.name}` }).click();
  const asks = page.getByRole("alertdialog");
  await asks.getByText("Its 1 active token stops working").waitFor();
  await browser.check(page, "deactivate");
  await asks.getByLabel("Its tokens").selectOption({ label: `work on as those of ${account}` });
  await asks.getByRole("button", { name: "Deactivate" }).click();
  await page.getByText(`${other.name} is deactivated.`).waitFor();
  same(await focused(page), "People", "the focus after the row is gone");
  await page.getByLabel("Show").selectOption("deactivated");
  await page.getByRole("list", { name: "People" }).getByText("Deactivated").waitFor();
}

export const people = {
  async people(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await page.getByRole("link", { name: "People" }).click();
    await page.getByRole("list", { name: "People" }).getByText(options.email).waitFor();
    await light(page, "people");
    await invitations(browser, page);
    await goes(browser, page);
    await page.getByRole("link", { name: "All tokens" }).click();
    await page.getByText(`of ${options.account}`).first().waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    same(await sideways(page), 0, "pixels to the side of all tokens");
    await page.getByRole("link", { name: "People", exact: true }).last().click();
    await page.getByRole("list", { name: "People" }).waitFor();
    same(await sideways(page), 0, "pixels to the side of the people");
  },

  // The newest changes, narrowed to one operation; older ones are loaded.
  async audit(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await page.getByRole("link", { name: "Audit" }).click();
    const list = page.getByRole("list", { name: /^Changes/ });
    await list.getByText("login").first().waitFor();
    await light(page, "audit");
    const before = await list.getByRole("listitem").count();
    await page.getByRole("button", { name: "Older ones" }).press("Enter");
    await list.getByRole("listitem").nth(before).waitFor();
    await page.getByText("What is shown").click();
    await page.getByLabel("Operation").fill("user_edit");
    await page.getByLabel("Object").fill(options.email);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Take out: Operation: user_edit" }).waitFor();
    await list.getByText("user_edit").first().click();
    await list.getByRole("heading", { name: "After" }).waitFor();
    same(await list.getByRole("listitem").count(), 1, "rows");
    await shot(page, "audit");
    await page.setViewportSize({ width: 360, height: 740 });
    same(await sideways(page), 0, "pixels to the side");
    await page.getByRole("button", { name: "Take out: Operation: user_edit" }).press("Enter");
    await list.getByText("user_create").first().waitFor();
    same(await focused(page), "What is shown", "the focus after a chip is gone");
  },
};
