// Makes src/outlets/kinds.json, what the pages show of the kinds of outlets: what each is given, and how one comes by it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const outlets = new URL("../../outlets/", import.meta.url);
const read = (path) => readFileSync(new URL(path, outlets), "utf8");

/** The README below its title, without posternctl's line, in place of which the page has a form. */
function instructions(name) {
  const [first = "", ...rest] = read(`${name}/README.md`).trim().split("\n").slice(2);
  const [before = "", , after = ""] = first.split(/(`posternctl [^`]*`)/);
  const behind = after.replace(/^: ./, (found) => found.at(-1).toUpperCase());
  const says = before ? `${before.replace(/: $/, "")}.` : /^[,.]/.test(behind) ? "" : behind;
  return [says, ...rest]
    .join(" ")
    .replace(/\s*The cases are [^\n]*/, "")
    .trim();
}

const names = readdirSync(outlets).filter((name) => existsSync(new URL(`${name}/outlet.json`, outlets)));
const kinds = names.map((name) => {
  const { kind, title, settings } = JSON.parse(read(`${name}/outlet.json`));
  return { kind, title, settings, text: instructions(name) };
});
kinds.sort(
  (a, b) => Number(a.kind === "generic") - Number(b.kind === "generic") || a.title.localeCompare(b.title),
);
writeFileSync(new URL("../src/outlets/kinds.json", import.meta.url), JSON.stringify(kinds, null, 1));
