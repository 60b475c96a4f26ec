// Types in Python of what the operations of a document answer and take, by quicktype: DOCUMENT.json OUT.py
// [OPERATION…]; without any: of all. Each becomes OperationAnswer and, with a body, OperationBody; refusals are Error.
import { readFileSync, writeFileSync } from "node:fs";
import { FetchingJSONSchemaStore, InputData, JSONSchemaInput, quicktype } from "quicktype-core";

const [from, to, ...wanted] = process.argv.slice(2);
const document = JSON.parse(readFileSync(from, "utf8"));
const camel = (name) => name.split("_").map((part) => part[0].toUpperCase() + part.slice(1)).join("");

// Of allOf beside properties quicktype keeps the properties alone: all in one.
const merged = (schema) => {
  const { allOf, unevaluatedProperties, ...own } = schema;
  if (!Array.isArray(allOf)) return schema;
  const parts = allOf.map((part) => merged(part.$ref ? document.components.schemas[part.$ref.split("/").at(-1)] : part));
  const required = [...parts, own].flatMap((part) => part.required ?? []);
  const properties = Object.assign({}, ...[...parts, own].map((part) => part.properties ?? {}));
  return { ...own, type: "object", properties, required: [...new Set(required)], additionalProperties: false };
};

// References by the name that JSON Schema has for them, and times as the texts that they are.
const schemaOf = (given) => {
  if (Array.isArray(given)) return given.map(schemaOf);
  if (given === null || typeof given !== "object") return given;
  const value = merged(given);
  const made = Object.entries(value).map(([key, inner]) => [key, schemaOf(inner)]);
  const kept = made.filter(([key, inner]) => !(key === "format" && ["date-time", "uri"].includes(inner)));
  const object = Object.fromEntries(kept);
  if (typeof object.$ref === "string") object.$ref = object.$ref.replace("#/components/schemas/", "#/definitions/");
  return object;
};

const definitions = schemaOf(document.components.schemas);
const tops = ["Error"];
const add = (name, content) => {
  const schema = content?.["application/json"]?.schema;
  if (!schema) return;
  definitions[name] = schemaOf(schema);
  tops.push(name);
};
for (const item of Object.values(document.paths))
  for (const operation of Object.values(item)) {
    if (!operation.operationId || (wanted.length && !wanted.includes(operation.operationId))) continue;
    add(`${camel(operation.operationId)}Answer`, operation.responses["200"]?.content);
    add(`${camel(operation.operationId)}Body`, operation.requestBody?.content);
  }

const input = new JSONSchemaInput(new FetchingJSONSchemaStore());
await input.addSource({
  name: "api",
  schema: JSON.stringify({ definitions, type: "object" }),
  uris: tops.map((name) => `#/definitions/${name}`),
});
const data = new InputData();
data.addInput(input);
const made = await quicktype({
  inputData: data,
  lang: "python",
  rendererOptions: { "python-version": "3.7", "nice-property-names": "true" },
});
// Its helpers for unions and objects have no types of their own, which mypy's strict mode asks for.
const typed = made.lines
  .join("\n")
  .replace("def from_union(fs, x):", "def from_union(fs: Any, x: Any) -> Any:")
  .replace("(c: Type[T], x: Any) -> dict:", "(c: Type[T], x: Any) -> Dict[str, Any]:")
  .replaceAll("def to_dict(self) -> dict:", "def to_dict(self) -> Dict[str, Any]:")
  .replaceAll("result: dict = {}", "result: Dict[str, Any] = {}");
writeFileSync(to, typed);
