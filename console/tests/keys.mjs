// Each main path by keys alone: what is looked for is never clicked, filled or focused, and what has the focus is seen.
import { focused, same, until } from "./browser.mjs";
import { options } from "./given.mjs";

const MOST = 80; // steps of Tab

/** Whether the focus is on what LOCATOR finds, whether that is behind it, and whether the focus is seen. */
const look = (locator) =>
  locator.evaluate((wanted) => {
    const at = document.activeElement;
    const ring = getComputedStyle(at.closest("label:has(.visually-hidden)") ?? at);
    return {
      here: at === wanted,
      back: Boolean(at.compareDocumentPosition(wanted) & Node.DOCUMENT_POSITION_PRECEDING),
      unseen: at.matches(":focus-visible:not(h1, h3)") && ring.outlineStyle === "none" ? at.outerHTML : "",
    };
  });

class Keys {
  constructor(page) {
    this.page = page;
  }

  press(key) {
    return this.page.keyboard.press(key);
  }

  /** Moves the focus to what LOCATOR finds. */
  async to(locator) {
    await locator.waitFor();
    for (let i = 0; i < MOST; i++) {
      const { here, back, unseen } = await look(locator);
      if (unseen) throw new Error(`the focus is not seen: ${unseen}`);
      if (here) return;
      await this.press(back ? "Shift+Tab" : "Tab");
    }
    throw new Error(`${locator} is not reached by Tab`);
  }

  async on(locator, key = "Enter") {
    await this.to(locator);
    await this.press(key);
  }

  async type(locator, text) {
    await this.to(locator);
    await this.page.keyboard.type(text);
  }

  button(name, more = {}) {
    return this.page.getByRole("button", { name, ...more });
  }

  /** Goes to another page by a link; its heading gets the focus, however late it comes. */
  async enter(link) {
    await this.on(link);
    const onHeading = () => this.page.evaluate(() => document.activeElement.matches("main h1"));
    await until(onHeading, "the focus on the heading of the page");
  }

  /** Goes to a page of the main navigation, and from there to what stands on it as a link. */
  async go(...names) {
    const [first, ...further] = names;
    const main = this.page.getByRole("navigation", { name: "Main" });
    await this.enter(main.getByRole("link", { name: first, exact: true }));
    for (const name of further)
      await this.enter(this.page.locator("main").getByRole("link", { name, exact: true }));
  }
}

async function signIn(keys) {
  const { page } = keys;
  await keys.type(page.getByLabel("Email address"), options.email);
  await keys.type(page.getByLabel("Password"), options.password);
  await keys.press("Enter");
  await page.getByRole("heading", { name: "Active Webhook Tokens" }).waitFor();
}

/** The secret of a dialog is copied, and stays open. */
async function copy(keys) {
  await keys.page.getByRole("heading", { name: "Your new token" }).waitFor();
  const token = await keys.page.getByLabel("Webhook token", { exact: true }).inputValue();
  await keys.on(keys.button("Copy the token"), "Space");
  same(
    await until(() => keys.page.evaluate(() => navigator.clipboard.readText()), "what was copied"),
    token,
    "copied",
  );
  return token;
}

async function tokens(keys) {
  const { page } = keys;
  await keys.on(keys.button("Create New Token"));
  same(await focused(page), "", "what is typed into is what has the focus of a form"); // an input has no text
  await page.keyboard.type("by keys");
  await keys.press("Enter");
  const token = await copy(keys);
  same((await options.post(token)).status, 204, "the first call");
  await page.getByText("The first call has arrived").waitFor();
  await keys.press("Escape");
  same(await focused(page), "Create New Token", "the focus after Esc");
  await keys.on(keys.button(/^Replace by keys/));
  await keys.on(keys.button("Replace token"));
  await copy(keys);
  await keys.on(keys.button("Done"));
  same(await focused(page), "Webhook Tokens", "the focus after the row has become another");
  await keys.on(keys.button(/^Delete by keys/));
  await keys.on(page.getByRole("alertdialog").getByRole("button", { name: "Delete token" }));
  await page.getByRole("alertdialog").waitFor({ state: "detached" });
  same(await focused(page), "Webhook Tokens", "the focus after the row is gone");
}

/** What could be added and goes when the answer comes would take the focus along. */
async function found(keys, { email }) {
  const { page } = keys;
  let answer;
  const answered = new Promise((resolve) => (answer = resolve));
  const asked = page.waitForRequest((request) => new URL(request.url()).searchParams.get("q") === email);
  await page.route(/\/people\?/, (route) => answered.then(() => route.continue()));
  await keys.type(page.getByLabel("Add somebody"), email);
  await asked;
  same(await page.getByRole("button", { name: /^Add / }).count(), 0, "who can be added before the answer");
  answer();
}

async function channel(keys) {
  const { page } = keys;
  await keys.go("Channels", options.channel);
  await page.getByText("message 119", { exact: true }).waitFor();
  await keys.to(page.getByRole("region", { name: "Messages" }));
  await until(async () => {
    await keys.press("Home");
    return page.getByText("message 0", { exact: true }).isVisible();
  }, "the oldest message");
  await keys.press("/");
  await page.keyboard.type("message 30");
  await page.getByText(/^1 message found in/).waitFor();
  await keys.press("Escape");
  same(await focused(page), options.channel, "the focus after the search");
  await keys.on(page.getByRole("link", { name: "Members" }));
  await found(keys, options.other);
  await keys.on(keys.button(`Add ${options.other.name}`, { exact: true }));
  await page.getByText(`${options.other.name} is in.`).waitFor();
}

async function deliveries(keys) {
  const { page } = keys;
  await keys.go("Bots", options.bot, "Deliveries");
  await page.getByRole("link", { name: `Delivery ${options.newest}` }).waitFor();
  await keys.press("j");
  const one = page.getByRole("region", { name: `Delivery ${options.newest}` });
  await keys.on(one.getByRole("button", { name: "Try again now" }));
  await one.getByText("Answered 200").first().waitFor();
  await keys.press("Escape");
  await keys.on(keys.button("Replay dead letters"));
  await keys.on(keys.button("Replay 1", { exact: true }));
  await page.getByText("Replayed 1 of 1.").waitFor();
  same(await focused(page), "Replay dead letters…", "the focus after the dialog");
  await keys.on(page.locator("main").getByRole("link", { name: "Sources" }));
  await keys.on(keys.button("Create source"));
  await keys.type(page.getByRole("dialog").getByLabel("Name"), "Keyed");
  await keys.press("Enter");
  await page.getByRole("heading", { name: "Keyed" }).waitFor();
}

async function operation(keys) {
  const { page } = keys;
  await keys.go("People");
  await keys.on(keys.button("Invite somebody"));
  await keys.type(page.getByRole("dialog").getByLabel("Email address"), `invited-${options.other.email}`);
  await keys.press("Enter");
  await keys.on(keys.button("Copy the link"), "Space");
  await keys.on(keys.button("Done"));
  same(await focused(page), "Invite somebody", "the focus after the dialog");
  await keys.go("Audit");
  await keys.on(page.getByText("What is shown"));
  await keys.type(page.getByLabel("Operation"), "source_create");
  await keys.press("Enter");
  await keys.on(keys.button("Take out: Operation: source_create"));
  same(await focused(page), "What is shown", "the focus after a chip is gone");
}

export const keys = {
  async keyboard(browser) {
    const keys = new Keys(await browser.visit());
    await signIn(keys);
    await tokens(keys);
    await channel(keys);
    await deliveries(keys);
    await operation(keys);
    await keys.on(keys.button("Sign out"));
    await keys.page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
  },
};
