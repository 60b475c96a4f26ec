// Refuses texts that take a string into their midst without keeping its direction to itself (src/text/say.ts).
import { readdirSync, readFileSync } from "node:fs";
import ts from "typescript";

const folder = new URL("../src/text/", import.meta.url);
const found = [];

/** GIVEN: whether a function around NODE takes a string. */
function look(node, source, given) {
  if (ts.isArrowFunction(node))
    given = node.parameters.some(({ type }) => type?.kind === ts.SyntaxKind.StringKeyword);
  if (given && ts.isTemplateExpression(node) && !ts.isTaggedTemplateExpression(node.parent))
    found.push(
      `${source.fileName}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${node.getText()}`,
    );
  ts.forEachChild(node, (child) => look(child, source, given));
}

for (const file of readdirSync(folder).filter((name) => name.startsWith("en"))) {
  const text = readFileSync(new URL(file, folder), "utf8");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  look(source, source, false);
}

for (const text of found) console.error(`${text}\n  takes its strings by say`);
process.exit(found.length ? 1 : 0);
