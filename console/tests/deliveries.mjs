// What a person does with deliveries and handlers.
import { generateKeyPairSync } from "node:crypto";
import { copied, focused, same, signIn, until } from "./browser.mjs";
import { light, options, shot, sideways } from "./given.mjs";

// The newest one, of "cherry".
const NEWEST = new RegExp(`Delivery ${options.newest}\\b`);
const chosen = (page) => page.getByRole("region", { name: NEWEST });

/** The list is narrowed by a form; each part is a chip in the address, and taken out by itself. */
async function narrowed(page) {
  await page.getByText("What is shown").click();
  await page.getByLabel("State").selectOption({ label: "Dead letter" });
  await page.getByLabel("Outcome").selectOption({ label: "Answered" });
  await page.getByLabel("Text").fill("banana");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await page.getByText("Looked at 2 deliveries.").waitFor();
  same(
    await page
      .getByRole("list", { name: /^Deliveries/ })
      .getByRole("listitem")
      .count(),
    1,
    "deliveries",
  );
  same(new URL(page.url()).hash.includes("state=dead"), true, "the address");
  await page.reload();
  await page.getByRole("button", { name: "Take out: Text: banana" }).focus();
  await page.keyboard.press("Enter");
  await until(
    async () =>
      (await page
        .getByRole("list", { name: /^Deliveries/ })
        .getByRole("listitem")
        .count()) === 2,
    "both dead letters",
  );
  same(await focused(page), "What is shown", "the focus after a chip is gone");
}

/** One of them in full, by keyboard; the focus comes back to its row. */
async function detail(page) {
  await page.keyboard.press("j");
  const one = chosen(page);
  await one.getByText("Answered 500").first().waitFor();
  await one.getByRole("rowheader", { name: "webhook-id" }).waitFor();
  await one.getByRole("region", { name: "Answer" }).getByText("answered cherry").waitFor();
  await one.getByRole("region", { name: "Body" }).getByText("cherry").waitFor();
  await shot(page, "deliveries");
  await page.keyboard.press("Escape");
  same(NEWEST.test(await focused(page)), true, "the focus after the delivery is closed");
  await page.keyboard.press("k");
  await page.setViewportSize({ width: 360, height: 740 });
  same(await sideways(page), 0, "pixels to the side");
  await page.getByRole("button", { name: "Close the delivery" }).click();
  same(await sideways(page), 0, "pixels to the side of the list");
  await page.setViewportSize({ width: 1280, height: 860 });
}

export const deliveries = {
  // From dead letters to none: found, looked at, tried again, replayed.
  async deliveries(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await page.goto(`${browser.url}/#/bots/${options.bot}/deliveries`);
    await page.getByRole("link", { name: NEWEST }).waitFor();
    await light(page, "deliveries");
    await narrowed(page);
    await detail(page);
    await fetch(`${options.handler}/mend`, { method: "POST", body: "{}" });
    await page.getByRole("link", { name: NEWEST }).click();
    await chosen(page).getByRole("button", { name: "Try again now" }).click();
    await page.getByText("It is tried again.").waitFor();
    await chosen(page).getByText("Answered 200").first().waitFor();
    await page.getByRole("button", { name: "Close the delivery" }).click();
    await page.getByRole("button", { name: "Replay dead letters" }).click();
    const asks = page.getByRole("dialog", { name: "Replay dead letters" });
    await asks.getByText("1 dead letter matches.").waitFor();
    await browser.check(page, "replay");
    await page.keyboard.press("Escape");
    same(await focused(page), "Replay dead letters…", "the focus after Esc");
    await page.keyboard.press("Enter");
    await asks.getByRole("button", { name: "Replay 1" }).click();
    await page.getByText("Replayed 1 of 1.").waitFor();
    await page.getByText("No delivery is so.").waitFor();
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Deliveries" }).click();
    await page.getByRole("heading", { name: "Deliveries", level: 1 }).waitFor();
    await light(page, "all deliveries");
    await page.getByText("What is shown").click();
    await page.getByLabel("Text").fill("cherry");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Take out: Text: cherry" }).waitFor();
    await page.getByRole("link", { name: NEWEST }).press("Enter");
    await chosen(page).getByText("Answered 200").first().waitFor();
  },

  // A handler that is tested before it is saved, saved, signed by a new secret, and removed.
  async handler(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await page.goto(`${browser.url}/#/bots/${options.bot}/handler`);
    await page.getByText("There is no handler yet").waitFor();
    await page.getByLabel("URL").fill("http://10.0.0.7/hook");
    await page.getByRole("button", { name: "Send a test event" }).press("Enter");
    await page.getByText("Refused: 10.0.0.7 may not be called").waitFor();
    await page.getByLabel("URL").fill(options.handler);
    await page.getByLabel("Body of the event").fill('{"status": 418, "word": "tea"}');
    await page.getByRole("button", { name: "Send a test event" }).click();
    await page.getByText("Answered 418").waitFor();
    await page.getByText("would be tried again").waitFor();
    await page.getByRole("region", { name: "Answer" }).getByText("answered tea").waitFor();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const first = await page.getByLabel("Signing secret", { exact: true }).inputValue();
    await page.getByText("Sign with an RSA key").press("Enter");
    await page.getByLabel("Private key").fill("no key");
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator("[name=rsa_key][aria-invalid]").waitFor();
    await page.getByLabel("Private key").fill(privateKey.export({ type: "pkcs8", format: "pem" }));
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("There is one, which is not shown.").waitFor();
    same(first.startsWith("whsec_"), true, "the secret");
    await browser.check(page, "handler");
    await shot(page, "handler");
    await page.getByRole("button", { name: "Make a new one" }).click();
    await browser.check(page, "rotate");
    await page.keyboard.press("Escape");
    same(await focused(page), "Make a new one", "the focus after Esc");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.getByText("signs until").waitFor();
    const second = await copied(page, page.getByRole("button", { name: "Copy the secret" }));
    same(second.startsWith("whsec_") && second !== first, true, "the new secret");
    await page.setViewportSize({ width: 360, height: 740 });
    same(await sideways(page), 0, "pixels to the side");
    await page.reload();
    await page.getByText("signs until").waitFor();
    same(await page.getByLabel("Signing secret", { exact: true }).count(), 0, "secrets shown again");
    await page.getByRole("button", { name: "Remove the handler" }).click();
    await page.getByRole("alertdialog").getByRole("button", { name: "Remove the handler" }).click();
    await page.getByText("There is no handler yet").waitFor();
  },
};
