// What a person does with the sources of a channel.
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { focused, same, signIn } from "./browser.mjs";
import { light, options, shot, sideways } from "./given.mjs";

const SECRET = "the secret of a repository";

/** Pastes a request, and waits for what is said of it. */
async function checked(page, sender, secret, headers, body, says) {
  await page.getByLabel("Signed as").selectOption({ label: sender });
  await page.getByLabel("Secret, or public key").fill(secret);
  await page.getByLabel("Headers").fill(headers);
  await page.getByLabel("Body, as it came").fill(body);
  await page.getByRole("button", { name: "Check it" }).press("Enter");
  await page.getByRole("status").getByText(says).waitFor();
}

/** Signatures of several kinds, checked in the browser; the API is asked for none of it. */
async function checks(browser, page) {
  const asked = [];
  page.on("request", (one) => one.method() !== "GET" && asked.push(one.url()));
  const body = '{"zen":"Design for failure."}';
  const hmac = (text, form) => createHmac("sha256", SECRET).update(text).digest(form);
  const github = `POST /x HTTP/1.1\nX-Hub-Signature-256: sha256=${hmac(body, "hex")}`;
  await checked(page, "GitHub", SECRET, github, body, "The signature fits.");
  await browser.check(page, "checker");
  await checked(page, "GitHub", SECRET, github, body + "\n", "It would without the line end");
  await checked(page, "GitHub", ` ${SECRET}`, github, body, "without the blanks around the secret");
  await checked(page, "GitHub", "another", github, body, "The signature does not fit.");
  await checked(page, "GitHub", SECRET, "X-Other: 1", body, "no such header: x-hub-signature-256");
  const at = Math.floor(Date.now() / 1000);
  const stripe = (ts) => `Stripe-Signature: t=${ts},v1=${hmac(`${ts}.${body}`, "hex")}`;
  await checked(page, "Stripe", SECRET, stripe(at), body, "The signature fits.");
  await checked(page, "Stripe", SECRET, stripe(at - 4000), body, "It fits, and is too old");
  const key = Buffer.from("a key of sixteen").toString("base64");
  const standard = createHmac("sha256", "a key of sixteen").update(`msg_1.${at}.${body}`).digest("base64");
  const three = `webhook-id: msg_1\nwebhook-timestamp: ${at}\nwebhook-signature: v1,${standard}`;
  await checked(page, "Standard Webhooks", `whsec_${key}`, three, body, "The signature fits.");
  const ed = generateKeyPairSync("ed25519");
  const raw = ed.publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("hex");
  const discord = `X-Signature-Ed25519: ${sign(null, Buffer.from(at + body), ed.privateKey).toString("hex")}`;
  await checked(
    page,
    "Discord",
    raw,
    `${discord}\nX-Signature-Timestamp: ${at}`,
    body,
    "The signature fits.",
  );
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = ec.publicKey.export({ type: "spki", format: "der" }).toString("base64");
  const name = "X-Twilio-Email-Event-Webhook";
  const signed = sign("sha256", Buffer.from(at + body), ec.privateKey).toString("base64");
  await checked(
    page,
    "SendGrid",
    spki,
    `${name}-Signature: ${signed}\n${name}-Timestamp: ${at}`,
    body,
    "The signature fits.",
  );
  same(asked, [], "requests while signatures are checked");
}

/** What is sent again as it was is the same change; what was changed is another, and what is refused is shown where it stands. */
async function sentOnce(page, dialog) {
  const keys = [];
  const cut = (route) => (keys.push(route.request().headers()["idempotency-key"]), route.abort());
  await page.route("**/api/v2/sources", cut);
  for (const name of ["One", "One", "Another"]) {
    const told = page.waitForEvent("requestfailed");
    await dialog.getByLabel("Name").fill(name);
    await page.keyboard.press("Enter");
    await told;
    await dialog.getByText("No answer came.").waitFor();
  }
  await page.unroute("**/api/v2/sources", cut);
  same([keys[0] === keys[1], keys[1] === keys[2]], [true, false], "the same key");
  await dialog.getByLabel("Name").fill("é".repeat(80));
  await dialog.getByLabel("Secret").press("Enter");
  await dialog.locator("[aria-invalid]").waitFor();
  same(await page.evaluate(() => document.activeElement.value), "é".repeat(80), "what has the focus");
}

/** It is narrowed to some events, and stays so; another signs in a way that no preset knows. */
async function edited(browser, page, sent) {
  await page.getByRole("button", { name: "Edit Our repository" }).press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Which events").press("Enter");
  await dialog.getByLabel("Only these events").fill("push, pull_request.*");
  await dialog.getByLabel("Which calls").selectOption({ index: 1 });
  await dialog.getByLabel("Verify token").fill("a word");
  await browser.check(page, "edit a source");
  await dialog.getByLabel("Name").press("Enter");
  await page.getByText("Takes only these events push, pull_request.*").waitFor();
  same(await focused(page), "Edit Our repository", "the focus after it is saved");
  await page.getByText("/sources/").waitFor(); // for one token, it has an address
  await page.getByRole("button", { name: "Create source" }).click();
  await dialog
    .getByLabel("Sender", { exact: true })
    .selectOption({ label: "Another, which signs in a way of its own" });
  await dialog.getByLabel("Header with the signature").fill("x-own-signature");
  await dialog.getByLabel("How the signature begins").fill("v1=");
  await dialog.getByLabel("Name").fill("Our own");
  await dialog.getByText("Which events").click();
  await dialog.getByLabel("Which calls").selectOption({ index: 1 }); // where one is for the token, no other counts
  await dialog.getByLabel("Secret (").fill(SECRET);
  await browser.check(page, "a scheme of its own");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Our own" }).waitFor();
  const signature = `v1=${createHmac("sha256", SECRET).update("{}").digest("hex")}`;
  same(
    (await sent({ "Content-Type": "application/json", "X-Own-Signature": signature })).status,
    204,
    "what it signs",
  );
  await page.getByText("1 event taken").waitFor();
}

export const sources = {
  // A source is made, refuses what is not signed, says why, gets another secret, and is deleted.
  async sources(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await page.goto(`${browser.url}/#/channels/${options.channel}/sources`);
    await page.getByText("There is no source").waitFor();
    await light(page, "sources");
    await page.getByRole("button", { name: "Create source" }).press("Enter");
    const dialog = page.getByRole("dialog");
    await sentOnce(page, dialog);
    await dialog.getByLabel("Name").fill("Our repository");
    await dialog.getByLabel("Secret").fill(SECRET);
    await browser.check(page, "create a source");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Our repository" }).waitFor();
    const sent = (headers) =>
      fetch(options.endpoint, {
        method: "POST",
        headers: { Authorization: `Bearer ${options.token}`, ...headers },
        body: "{}",
      });
    same((await sent({ "Content-Type": "application/json" })).ok, false, "what is not signed");
    await page.getByText("0 events taken, 1 refused").waitFor();
    await page.getByText("Refused signatures").click();
    await page
      .getByText(/x-hub-signature-256/)
      .first()
      .waitFor();
    await shot(page, "sources");
    await checks(browser, page);
    await edited(browser, page, sent);
    await page.setViewportSize({ width: 360, height: 740 });
    same(await sideways(page), 0, "pixels to the side");
    await page.getByRole("button", { name: "New secret: Our repository" }).press("Enter");
    await browser.check(page, "another secret");
    await page.keyboard.press("Escape");
    same(await focused(page), "New secret: Our repository", "the focus after Esc");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Set it" }).click();
    await page.getByText("it is shown this once").waitFor();
    await page.getByText("2 secrets").waitFor();
    await page.getByRole("button", { name: "Delete Our repository" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("Our repository is deleted.").waitFor();
    same(await focused(page), options.channel, "the focus after the row is gone");
  },
};
