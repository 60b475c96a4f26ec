// An event is looked at as the request that it was, and sent once more by the lines that are copied.
import { execFile } from "node:child_process";
import { connect } from "node:net";
import { promisify } from "node:util";
import { copied, same, signIn, until } from "./browser.mjs";
import { options, scripts, sideways } from "./given.mjs";

const run = promisify(execFile);

/** Sends TEXT as it is, and gives the status of the answer. */
const raw = (text, { hostname, port }) =>
  new Promise((done, failed) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.once("data", (answer) => (socket.destroy(), done(answer.toString().split(" ")[1])));
    socket.once("error", failed);
  });

const PROGRAMS = {
  curl: (lines) => run("bash", ["-c", `set -o pipefail; ${lines} -sf`]),
  Python: (lines) => run("/usr/bin/python3", ["-c", lines]),
  Node: (lines) => run(process.execPath, ["-e", `(async () => {${lines}})()`]),
};

const copiedBy = (page, button) => copied(page, page.getByRole("button", { name: button, exact: true }));

/** The newest event as the API has it, without what belongs to its way and its time. */
async function newest(page) {
  return page.evaluate(async (bot) => {
    const answer = await fetch(`api/v2/bots/${bot}/messages?order=desc&limit=1`);
    const [{ sequence, event }] = (await answer.json()).messages;
    const { method, headers, parameters, body } = event;
    for (const name of [
      "User-Agent",
      "Accept",
      "Accept-Language",
      "Sec-Fetch-Mode",
      "Accept-Encoding",
      "Connection",
    ])
      for (const key of Object.keys(headers))
        if (key.toLowerCase() === name.toLowerCase()) delete headers[key];
    const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    return { sequence, event: { method, headers: lower.sort(), parameters, body } };
  }, options.bot);
}

/** By each of the lines the same event comes once more. */
async function sentAgain(page, forms) {
  for (const form of forms) {
    const before = await newest(page);
    await until(async () => {
      await page.getByRole("button", { name: form, exact: true }).first().click();
      return page.getByRole("button", { name: `Copy as ${form}`, exact: true }).isVisible();
    }, `the lines in ${form}`);
    const lines = (await copiedBy(page, `Copy as ${form}`)).replaceAll(
      "Bearer TOKEN",
      `Bearer ${options.token}`,
    );
    if (form === "HTTP") same(await raw(lines, new URL(options.endpoint)), "200", "HTTP");
    else await PROGRAMS[form](lines);
    const after = await until(async () => {
      const one = await newest(page);
      return one.sequence > before.sequence && one;
    }, `the event by ${form}`);
    same(after.event, before.event, form);
  }
}

export const request = {
  async request(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    const send = async (method, body, type) => {
      const answer = await fetch(`${options.endpoint}?a=1&a=two%20words&b=%F0%9F%A6%89`, {
        method,
        headers: {
          Authorization: `Bearer ${options.token}`,
          "Content-Type": type,
          "X-Kind": "it's <b>bold</b>",
        },
        body,
      });
      if (!answer.ok) throw new Error(await answer.text());
    };
    const text = JSON.stringify({
      deep: { er: { still: ["<img src=x onerror=window.hit=1>", 'it\'s "$HOME"\n🦉'] } },
      n: 1,
    });
    await send("PUT", text, "application/json");
    await page.goto(`${browser.url}/#/bots/${options.bot}`);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByText("Event by PUT").click();
    await page.getByText(`${new TextEncoder().encode(text).length} bytes`).waitFor();
    await page.getByRole("cell", { name: "two words" }).waitFor();
    await page.getByRole("table", { name: "Headers" }).getByText("it's <b>bold</b>").waitFor();
    await page.getByText("still").click();
    await page.getByText("<img src=x").first().waitFor();
    same(await copiedBy(page, "Copy: Body"), text, "the body");
    const weight = await scripts(page);
    if (weight < 1000 || weight > 110 * 1024) throw new Error(`too heavy: ${weight}`);
    await page.getByRole("button", { name: "Hex" }).focus();
    await page.keyboard.press("Enter");
    await page.getByText("000000  7b 22 64 65").waitFor();
    await sentAgain(page, ["curl", "Python", "Node", "HTTP"]);

    await page.reload();
    await send("POST", Uint8Array.from([0, 255, 254, 10, 39, 64]), "application/octet-stream");
    await page.getByText("Event by POST").click();
    await page.getByText("000000  00 ff fe 0a 27 40").waitFor();
    await sentAgain(page, ["curl"]);
    await page.setViewportSize({ width: 360, height: 740 });
    same(await sideways(page), 0, "pixels to the side");
    same(
      await page.evaluate(() => [document.querySelectorAll("main img").length, window.hit ?? null]),
      [0, null],
      "markup",
    );
  },
};
