// Does with an invitation's link what a person in a browser does. argv: link, name, then the passwords that
// are tried one after another. Prints {"url", "shown", "problem", "text"} of the page after the last.
import { JSDOM } from "jsdom";

const [link, name, ...passwords] = process.argv.slice(2);
const dom = await JSDOM.fromURL(link, {
  resources: "usable",
  runScripts: "dangerously",
  beforeParse(window) {
    // jsdom has no fetch; Node's sends no Origin.
    window.fetch = (path, options) =>
      fetch(new URL(path, window.location.href), {
        ...options,
        headers: { ...options.headers, Origin: window.location.origin },
      });
  },
});
const { document, Event } = dom.window;
const find = (id) => document.getElementById(id);
const parts = ["no-invitation", "accept", "accepted"];

async function until(condition) {
  for (const end = Date.now() + 60000; !condition(); await new Promise((go) => setTimeout(go, 20)))
    if (Date.now() > end) throw new Error("the page did not change in time");
}

await until(() => parts.some((id) => find(id) && !find(id).hidden));
for (const password of passwords) {
  find("name").value = name;
  find("password").value = password;
  find("accept").dispatchEvent(new Event("submit", { cancelable: true }));
  await until(() => !find("set").disabled);
}
const shown = parts.filter((id) => !find(id).hidden);
console.log(
  JSON.stringify({
    url: dom.window.location.href,
    shown,
    problem: find("problem").textContent,
    text: shown.map((id) => find(id).textContent.replace(/\s+/g, " ").trim()).join(" "),
  }),
);
dom.window.close();
