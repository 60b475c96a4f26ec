// Refuses text in components: all of it stands in src/text, where another language can have its own.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "svelte/compiler";

const NAMES = ["alt", "aria-label", "label", "placeholder", "title"];
const root = new URL("../src", import.meta.url).pathname;
const found = [];

function look(node, path, within) {
  if (!node || typeof node !== "object") return;
  if (Array.isArray(node)) return node.forEach((one) => look(one, path, within));
  if (node.type === "Attribute") {
    if (NAMES.includes(node.name)) look(node.value, path, true);
    else if (Array.isArray(node.value))
      node.value.filter((part) => part.type !== "Text").forEach((part) => look(part, path, false));
    return;
  }
  if (node.type === "Text" && within && /\p{L}/u.test(node.data)) found.push(`${path}: ${node.data.trim()}`);
  for (const [key, value] of Object.entries(node))
    if (key !== "css" && key !== "instance" && key !== "module") look(value, path, within);
}

for (const entry of readdirSync(root, { recursive: true }))
  if (entry.endsWith(".svelte"))
    look(parse(readFileSync(join(root, entry), "utf8"), { modern: true }).fragment, entry, true);

for (const text of found) console.error(`${text}\n  belongs in src/text/en.ts`);
process.exit(found.length ? 1 : 0);
