// What a person does with channels, bots and extensions beside reading them.
import { copied, focused, same, signIn, until } from "./browser.mjs";
import { copyAndClose, create, options, sideways } from "./given.mjs";

const heading = (page, name, more = {}) => page.getByRole("heading", { name, exact: true, ...more });

/** Sends what was copied with a token, as another program would. */
async function post(url, token, text) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ text }),
  });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
}

/** An endpoint by its heading: copied, it takes a message; and so does its test message. */
async function endpoint(page, end, name, token) {
  await heading(page, end).waitFor();
  const url = await copied(page, page.getByRole("button", { name: `Copy: ${end} of ${name}` }));
  await post(url, token, end);
  const one = page.locator("section").filter({ has: heading(page, end) });
  await one.getByRole("button", { name: `Send a test message to ${end}` }).click();
  await one.getByText("It is stored.").waitFor();
}

/** Somebody is found, added, found among the others, and removed. */
async function people(browser, page) {
  await page.getByLabel("Add somebody").fill(options.other.name.slice(0, 12));
  await page.getByRole("button", { name: `Add ${options.other.name}` }).waitFor();
  await browser.check(page, "people");
  const keys = [];
  const cut = (route) => (keys.push(route.request().headers()["idempotency-key"]), route.abort());
  const posts = (url) => /\/(members|subscribers)$/.test(url.pathname);
  await page.route(posts, cut);
  for (const times of [1, 2]) {
    await page.getByRole("button", { name: `Add ${options.other.name}` }).click();
    await page.getByText("No answer came.").waitFor();
    await until(() => keys.length === times, "what is sent");
  }
  await page.unroute(posts, cut);
  same(keys[0] === keys[1], true, "the same key");
  await page.getByRole("button", { name: `Add ${options.other.name}` }).click();
  await page.getByText(`${options.other.name} is in.`).waitFor();
  same(await page.getByLabel("Add somebody").inputValue(), "", "what was searched for");
  await page.getByRole("searchbox", { name: /^Find in/ }).fill(options.other.email);
  await page.getByRole("button", { name: `Remove ${options.other.name}` }).waitFor();
  await page.getByLabel("Add somebody").fill(options.other.email);
  await page.getByText("is in", { exact: true }).waitFor();
  await page.getByLabel("Add somebody").fill("nobody@example.org");
  await page.getByRole("button", { name: "Add nobody@example.org" }).click();
  await page.getByText("There is nobody of that address").waitFor();
  await page.getByLabel("Add somebody").fill("");
  await page.getByRole("button", { name: `Remove ${options.other.name}` }).focus();
  await page.keyboard.press("Enter");
  await page.getByText(`${options.other.name} is out.`).waitFor();
  await page.getByText("Nothing of that name.").waitFor();
}

/** Two people change the profile: the second is told. */
async function profile(browser, page, other) {
  for (const one of [page, other]) await one.getByLabel("Display name").waitFor();
  await page.getByLabel("Display name").fill("Night shift");
  await page.getByLabel("Description").fill("What <b>wakes</b> people.");
  await page.getByLabel("Picture").fill("https://example.org/owl.png");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await heading(page, "Night shift", { level: 1 }).waitFor();
  await other.getByLabel("Description").fill("too late");
  await other.getByRole("button", { name: "Save" }).click();
  await other.getByRole("alert").getByText("Somebody else has changed it").waitFor();
  await browser.check(other, "profile");
  await other.getByRole("button", { name: "Show it as it is now" }).click();
  await until(
    async () => (await other.getByLabel("Description").inputValue()) === "What <b>wakes</b> people.",
    "the description as it is",
  );
  await page.getByLabel("Picture").fill("http://example.org/owl.png");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("alert").getByText("begins with https://").waitFor();
}

/** Archived, found among the archived ones, and taken back, by keyboard. */
async function archived(browser, page) {
  await page.getByRole("button", { name: "Archive it" }).focus();
  await page.keyboard.press("Enter");
  const asks = page.getByRole("alertdialog", { name: `Archive ${options.made}?` });
  await asks.getByLabel("Reason").fill("moved");
  await browser.check(page, "archive");
  await page.keyboard.press("Escape");
  same(await focused(page), "Archive it", "the focus after Esc");
  await page.keyboard.press("Enter");
  await asks.getByLabel("Reason").fill("moved");
  await page.keyboard.press("Enter");
  await page.getByText("It is archived: what is sent").waitFor();
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Channels" }).click();
  await page.getByText("No channel is yours yet").or(page.getByRole("list")).first().waitFor();
  same(await page.getByRole("link", { name: "Night shift" }).count(), 0, "archived ones in the list");
  await page.getByLabel("Archived ones").check();
  await page.getByRole("link", { name: "Night shift", exact: true }).click();
  await page.getByRole("link", { name: "Profile" }).click();
  await page.getByRole("button", { name: "Take it back" }).click();
  await page.getByText("It is in use again.").waitFor();
}

/** It keeps less, has another name in its addresses, and is given away. */
async function given(browser, page) {
  await page.getByText("How much it keeps").press("Enter");
  await page.getByLabel("Days").fill("1000000");
  await page.getByRole("button", { name: "Keep so much" }).click();
  await page
    .getByRole("alert")
    .getByText(/retention/)
    .waitFor();
  await page.getByLabel("Days").fill("3");
  await page.getByLabel("Megabytes").fill("1.5");
  await page.keyboard.press("Enter");
  const saved = page.getByRole("status").getByText("Saved.");
  await saved.waitFor();
  const name = `${options.made}_2`;
  await page.getByText("Another unique name").press("Enter");
  await page.getByLabel("Unique name").fill(name);
  await page.keyboard.press("Enter");
  await page.getByRole("definition").getByText(name).waitFor();
  await page.getByText("Another owner").press("Enter");
  await page.getByLabel("Email address of the new owner").fill("nobody@example.org");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("There is nobody of that address.").waitFor();
  await browser.check(page, "more of a profile");
  await page.getByLabel("Email address of the new owner").fill(options.other.email);
  await page.keyboard.press("Enter");
  await page.getByRole("definition").getByText(options.other.name).waitFor();
  same(await page.getByText("Another owner").count(), 0, "what its owner may do");
}

export const places = {
  // Where a channel, a bot and an extension are sent to, by the way and the names of the contract.
  async connectors(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    const token = await create(page, "connectors");
    await copyAndClose(page);
    for (const [title, name, way, ends] of [
      ["Channels", options.channel, ["Connectors"], ["API Endpoint", "Incoming Webhook Endpoint"]],
      ["Bots", options.bot, [], ["Incoming Webhook Endpoint", "API Endpoint"]],
      ["My Extensions", options.extension, ["Connectors"], ["Sandbox", "Marketplace"]],
    ]) {
      await page.getByRole("link", { name: title, exact: true }).click();
      await heading(page, title).waitFor();
      await page.getByRole("link", { name, exact: true }).waitFor();
      await page.getByRole("link", { name, exact: true }).click();
      for (const link of way) await page.getByRole("link", { name: link, exact: true }).click();
      await heading(page, "Connectors").waitFor();
      if (title === "My Extensions") await heading(page, "Incoming Webhook Endpoints").waitFor();
      for (const end of ends) await endpoint(page, end, name, token);
    }
    const before = await page.locator("code", { hasText: "appkey=" }).first().innerText();
    await page.getByRole("link", { name: "Profile", exact: true }).click();
    await page.getByText("A new key of an app").press("Enter");
    await page.getByRole("button", { name: "Make a new key" }).press("Enter");
    await page.getByText("There is a new key").waitFor();
    await page.getByRole("link", { name: "Connectors", exact: true }).click();
    const now = page.locator("code", { hasText: "appkey=" }).first();
    await until(async () => (await now.innerText()) !== before, "the new key");
    await page.setViewportSize({ width: 360, height: 740 });
    same(await sideways(page), 0, "pixels to the side");
  },

  // A channel from its making to its end.
  async place(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await page.getByRole("link", { name: "Channels", exact: true }).click();
    await page.getByRole("button", { name: "Create channel" }).click();
    await page.getByLabel("Unique name").fill("Not A Name");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("A unique name has").waitFor();
    await browser.check(page, "create a channel");
    await page.getByLabel("Unique name").fill(options.made);
    await page.keyboard.press("Enter");
    await heading(page, options.made, { level: 1 }).waitFor();
    await page.getByRole("link", { name: "Members" }).click();
    await people(browser, page);
    await page.setViewportSize({ width: 360, height: 740 });
    same(await sideways(page), 0, "pixels to the side of the members");
    await page.getByRole("link", { name: "Profile" }).click();
    const other = await page.context().newPage();
    await other.goto(page.url());
    await profile(browser, page, other);
    same(await sideways(page), 0, "pixels to the side of the profile");
    await page.reload();
    await archived(browser, page);
    await page.reload();
    await given(browser, page);
  },

  // A member who does not own it sees who is in, and changes nothing.
  async place_of_another(browser) {
    const page = await browser.visit(`/#/channels/${options.channel}/members`);
    await page.getByLabel("Email address").fill(options.email);
    await page.getByLabel("Password").fill(options.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText(options.other.email).waitFor();
    same(await page.getByRole("button", { name: /^(Add|Remove)/ }).count(), 0, "buttons");
    await page.getByRole("link", { name: "Profile" }).click();
    await page.getByLabel("Display name").waitFor();
    same(await page.getByRole("button", { name: /^(Save|Archive)/ }).count(), 0, "buttons");
  },
};
