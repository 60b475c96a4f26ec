// What goes wrong around the console: nothing that was typed is lost, nothing is done twice, and it says what to do.
import { createServer, request } from "node:http";
import { same, signIn, until } from "./browser.mjs";
import { copyAndClose, create, options, row } from "./given.mjs";

const HOUR_MS = 3_600_000;

/** Postern as a browser sees it that takes no cookie: an address, and what ends it. */
async function cookieless(url) {
  const { host, origin } = new URL(url);
  const server = createServer((asked, answer) => {
    const headers = { ...asked.headers, host, ...(asked.headers.origin && { origin }) };
    const there = request(new URL(asked.url, url), { method: asked.method, headers }, (got) => {
      delete got.headers["set-cookie"];
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    asked.pipe(there);
  });
  await new Promise((go) => server.listen(0, "127.0.0.1", go));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

async function fillIn(page, { email, password }) {
  await page.getByLabel("Email address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
}

/** Guesses are throttled by Postern; how long is counted down, and then one may try again. */
async function throttled(page) {
  const wait = page.getByRole("alert").getByText(/possible in \d+ second/);
  for (let i = 0; i < 10 && !(await wait.count()); i++) {
    await fillIn(page, { email: `nobody-${options.email}`, password: `wrong ${i}` });
    await page
      .getByRole("alert")
      .getByText(/wrong|possible in/)
      .first()
      .waitFor();
  }
  const seconds = async () => Number((await wait.allTextContents()).at(-1)?.match(/\d+/)[0] ?? 0);
  const first = await seconds();
  await until(async () => !first || (await seconds()) < first, "the countdown");
  same((await page.getByLabel("Password").inputValue()).slice(0, 5), "wrong", "what was typed");
}

/** The page of FILE is gone: that of the new version is loaded in its place, once. */
async function upgraded(page) {
  let loads = 0;
  page.on("request", (one) => one.isNavigationRequest() && loads++);
  await page.route(/\/assets\/SessionsPage-[^/]*\.js/, (route) =>
    loads ? route.continue() : route.fulfill({ status: 404 }),
  );
  await page.route(/\/assets\/AccountPage-[^/]*\.js/, (route) => route.fulfill({ status: 404 }));
  await page.goto(`${new URL(page.url()).origin}/#/channels/${options.channel}`);
  await page.getByLabel("Post a message").fill("typed before the upgrade");
  await page.getByRole("link", { name: "Sessions" }).click();
  await page.getByText("This one").waitFor();
  same(loads, 1, "how often the page was loaded anew");
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByText("This could not be loaded.").waitFor();
  same(loads, 2, "how often the page was loaded anew, where the file stays away");
  await page.goBack();
  await page.goBack();
  await page.getByLabel("Post a message").waitFor();
  same(await page.getByLabel("Post a message").inputValue(), "typed before the upgrade", "the draft");
}

/** By the server's time, where the browser's clock is off. */
async function byTheServersTime(page, off) {
  await page.clock.setSystemTime(Date.now() + off);
  await page.goto(`${new URL(page.url()).origin}/#/tokens`);
  await page.reload();
  await create(page, `at ${off}`);
  await copyAndClose(page);
  const made = row(page, `at ${off}`).locator("time");
  same(await made.allTextContents(), ["now"], `when it was made, by a clock that is off by ${off}`);
}

/** No confirmation comes while authd stands still; tried again, the token is made once. */
async function unconfirmed(page) {
  await page.getByRole("button", { name: "Create New Token" }).click();
  await page.getByLabel("Name").fill("made once");
  process.kill(options.authd, "SIGSTOP");
  try {
    await page.getByRole("button", { name: "Create token" }).click();
    await page.getByRole("alert").getByText("it is not done twice").waitFor();
    await page.getByText("Postern does not answer").waitFor();
  } finally {
    process.kill(options.authd, "SIGCONT");
  }
  await page.evaluate(() => [...document.querySelectorAll(".banner button")].at(0)?.click()); // unless it is back already
  await page.getByText("Postern does not answer").waitFor({ state: "detached" });
  same(await page.getByLabel("Name").inputValue(), "made once", "what was typed");
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByRole("heading", { name: "Your new token" }).waitFor();
  await copyAndClose(page);
  same(await row(page, "made once").count(), 1, "tokens of that name");
}

/** Somebody else has signed in beside: the page is theirs, and what was typed is done for nobody. */
async function anotherPerson(page) {
  await page.getByRole("button", { name: "Create New Token" }).click();
  await page.getByLabel("Name").fill("of the first one");
  const beside = await page.context().newPage();
  await beside.goto(new URL(page.url()).origin);
  await beside.getByRole("button", { name: "Sign out" }).click();
  await signIn(beside, { email: options.other.email, password: options.password });
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByRole("banner").getByText(options.other.name).waitFor();
  await page.getByText("No token yet").waitFor();
  same(await page.getByRole("dialog").count(), 0, "dialogs of who was there before");
  same(await page.evaluate(() => Object.keys(sessionStorage)), [], "what is kept of who was there before");
}

export const faults = {
  async faults(browser) {
    const refuses = await cookieless(browser.url);
    const alone = await browser.visit();
    await alone.goto(refuses.url);
    await fillIn(alone, options);
    await alone.getByRole("alert").getByText("did not keep the cookie").waitFor();
    same(await alone.getByLabel("Email address").inputValue(), options.email, "what was typed");
    refuses.close();
    await throttled(await browser.visit());
    const page = await browser.visit();
    await signIn(page, options);
    await upgraded(page);
    for (const off of [HOUR_MS, -HOUR_MS]) await byTheServersTime(page, off);
    await unconfirmed(page);
    await anotherPerson(page);
  },

  // A handler is tested more often than it may be: how long to wait is counted down.
  async counted_down(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    await page.goto(`${browser.url}/#/bots/${options.bot}/handler`);
    await page.getByLabel("URL").fill(options.handler);
    const wait = page.getByRole("alert").getByText(/Try again in \d+ second/);
    await until(async () => {
      await page.getByRole("button", { name: "Send a test event" }).click();
      return wait.count();
    }, "a refusal");
    await page.getByRole("alert").getByText("Try again now.").waitFor();
  },
};
