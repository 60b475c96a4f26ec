// Makes src/api/schema.d.ts, the types of the admin API, of docs/openapi.yaml. What the public listener has is
// left out: a page cannot call it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import { parse } from "yaml";

const here = new URL(".", import.meta.url);
const document = parse(readFileSync(new URL("../../docs/openapi.yaml", here), "utf8"));
const METHODS = ["get", "put", "post", "delete", "options", "head"];
const isAdmins = (servers) => servers?.some(({ description }) => description.includes("admin"));
for (const [path, item] of Object.entries(document.paths)) {
  for (const method of METHODS)
    if (method === "head" || !isAdmins(item[method]?.servers ?? item.servers)) delete item[method];
  if (!METHODS.some((method) => item[method])) delete document.paths[path];
}
const types = await openapiTS(document, { alphabetize: true });
mkdirSync(new URL("../src/api/", here), { recursive: true });
writeFileSync(new URL("../src/api/schema.d.ts", here), astToString(types));
