// Makes the types of the document argv[2] (JSON) by openapi-typescript, puts them as api.ts beside the
// client argv[3] in the directory argv[4], and compiles the client there in strict mode. Prints what the
// compiler finds, one a line, and ends with status 1 when there is anything.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const [document, client, out] = process.argv.slice(2);
const nodes = await openapiTS(JSON.parse(readFileSync(document, "utf8")), { silent: true });
writeFileSync(join(out, "api.ts"), astToString(nodes));
writeFileSync(join(out, "package.json"), '{"type": "module"}');
copyFileSync(client, join(out, "client.ts"));
const program = ts.createProgram([join(out, "client.ts")], {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noEmitOnError: true,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: [],
  skipLibCheck: true,
});
const found = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
for (const { file, start, messageText } of new Set(found)) {
  const line = file ? `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1}: ` : "";
  console.log(line + ts.flattenDiagnosticMessageText(messageText, "\n"));
}
process.exit(found.length ? 1 : 0);
