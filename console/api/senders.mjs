// Makes what the pages show of the formats that are built in: src/senders/senders.json has each sender's instructions
// and one of its cases as an example, src/senders/templates.json the formats themselves.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const formats = new URL("../../formats/", import.meta.url);
const out = new URL("../src/senders/", import.meta.url);
const MOST = 4096; // bytes of an example
const TYPES = { json: "application/json", form: "application/x-www-form-urlencoded", text: "text/plain" };
const read = (path) => readFileSync(new URL(path, formats), "utf8");

/** The longest case that people can look through, and that becomes a message. */
function example(name) {
  const folder = `${name}/cases/`;
  const cases = readdirSync(new URL(folder, formats))
    .filter((file) => /\.(json|form|text)$/.test(file) && !file.endsWith(".expected.json"))
    .map((file) => ({ file, body: read(folder + file), stem: file.replace(/\.\w+$/, "") }))
    .filter(
      ({ body, stem }) =>
        !stem.startsWith("hostile") &&
        body.length <= MOST &&
        read(`${folder}${stem}.expected.json`).startsWith("{"),
    )
    .sort((a, b) => b.body.length - a.body.length || a.stem.localeCompare(b.stem));
  const { file, stem, body } = cases[0];
  const of = (end) =>
    existsSync(new URL(`${folder}${stem}.${end}`, formats)) ? read(`${folder}${stem}.${end}`) : "";
  const given = of("headers").trim();
  const type = /^content-type:/im.test(given) ? "" : `Content-Type: ${TYPES[file.split(".").at(-1)]}`;
  return { headers: [given, type].filter(Boolean).join("\n"), query: of("query").trim(), body };
}

/** The README below its title; which cases there are is for who writes formats. */
function instructions(name) {
  const [title, ...rest] = read(`${name}/README.md`).split("\n");
  const text = rest.join("\n").replace(/\s*The cases are [^\n]*/g, "");
  return { title: title.replace(/^#\s*/, ""), text: text.trim() };
}

const names = readdirSync(formats).filter((name) => existsSync(new URL(`${name}/format.json`, formats)));
const write = (file, content) => writeFileSync(new URL(file, out), JSON.stringify(content, null, 1));
mkdirSync(out, { recursive: true });
write(
  "senders.json",
  names.map((name) => ({ name, ...instructions(name), example: example(name) })),
);
write("templates.json", Object.fromEntries(names.map((name) => [name, read(`${name}/format.json`)])));
