// What a person does with the own account.
import { createHmac } from "node:crypto";
import { focused, same, signIn } from "./browser.mjs";
import { light, options, sideways } from "./given.mjs";

/** What an authenticator shows for a secret in base32 (RFC 6238). */
function codeOf(secret) {
  const bits = [...secret].map((one) =>
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(one).toString(2).padStart(5, "0"),
  );
  const key = Buffer.from(
    bits
      .join("")
      .match(/.{8}/g)
      .map((byte) => parseInt(byte, 2)),
  );
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", key).update(step).digest();
  const number = mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

/** A token for a program, shown once; it is good until it is deleted. */
async function management(browser, page) {
  await page.getByRole("link", { name: "Management tokens" }).press("Enter");
  await page.getByText("There is none").waitFor();
  await page.getByRole("button", { name: "Create management token" }).press("Enter");
  await page.getByRole("dialog").getByLabel("Name").fill("Our inventory");
  await browser.check(page, "create a management token");
  await page.keyboard.press("Enter");
  const token = await page.getByLabel("Management token", { exact: true }).inputValue();
  const status = async () =>
    (await fetch(`${browser.url}/api/v2/me`, { headers: { Authorization: `Bearer ${token}` } })).status;
  same(await status(), 200, "with the token");
  await page.getByText(/^1 of \d+ in use/).waitFor();
  await browser.check(page, "management tokens");
  await light(page, "management tokens");
  await page.getByRole("button", { name: "Delete Our inventory" }).press("Enter");
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).press("Enter");
  await page.getByText("Our inventory is deleted.").waitFor();
  same(await focused(page), "Management tokens", "the focus after the row is gone");
  same(await status(), 401, "with the token that is deleted");
}

export const account = {
  // One's own name, a second factor by the QR code's secret, and another password, which ends the session.
  async account(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await management(browser, page);
    await page.getByRole("link", { name: "Account" }).click();
    await page.getByLabel("Display name").fill("Ada L.");
    await page.keyboard.press("Enter");
    await page.getByText("Saved.").waitFor();
    await page.getByRole("banner").getByText("Ada L.").waitFor();
    await light(page, "account");
    await page.getByRole("button", { name: "Set it up" }).press("Enter");
    await page.getByLabel("Your password").fill("not the password");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("is wrong").waitFor();
    await page.getByLabel("Your password").fill(options.password);
    await page.keyboard.press("Enter");
    await page.getByRole("img", { name: "QR code of the secret" }).waitFor();
    await browser.check(page, "QR code");
    const secret = await page.getByLabel("Secret", { exact: true }).inputValue();
    await page.getByLabel("Code that the app shows").fill(codeOf(secret));
    await page.keyboard.press("Enter");
    const codes = page.getByRole("list", { name: "Recovery codes" }).getByRole("listitem");
    await codes.first().waitFor();
    same(await codes.count(), 10, "recovery codes");
    const recovery = await codes.first().innerText();
    await browser.check(page, "recovery codes");
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByText("10 recovery codes are left.").waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    same(await sideways(page), 0, "pixels to the side");
    await page.getByLabel("Present password").fill("not the password");
    await page.getByLabel("New password").fill("password12");
    await page.keyboard.press("Enter");
    await page
      .getByRole("alert")
      .getByText(/wrong|easy to guess/)
      .waitFor();
    await page.getByLabel("Present password").fill(options.password);
    await page.getByLabel("New password").fill(options.next);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
    await page.getByLabel("Email address").fill(options.email);
    await page.getByLabel("Password").fill(options.next);
    await page.keyboard.press("Enter");
    await page.getByLabel("Code").fill(recovery);
    await page.keyboard.press("Enter");
    await page.getByText("9 recovery codes are left.").waitFor();
    await page.getByRole("button", { name: "Turn it off" }).click();
    await page.getByLabel("Your password").fill(options.next);
    await page.keyboard.press("Enter");
    await page.getByText("Off: the password alone signs in.").waitFor();
  },
};
