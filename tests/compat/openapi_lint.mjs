// Lints the OpenAPI document argv[2] with Redocly's recommended rules. Prints what it finds, one a
// line, and ends with status 1 when there is anything.
import { createConfig, lint } from "@redocly/openapi-core";

const config = await createConfig({
  extends: ["recommended-strict"],
  rules: {
    "no-server-example.com": "off", // the default addresses are loopback
    "operation-operationId": "error",
    "operation-operationId-unique": "error",
    "path-parameters-defined": "error",
    "security-defined": "error",
  },
});
// What takes any refusal names its type; each operation refers to those of its codes.
const found = await lint({ ref: process.argv[2], config });
const problems = found.filter((one) => !one.location.some((at) => at.pointer === "#/components/schemas/Error"));
for (const { ruleId, message, location } of problems)
  console.log(`${ruleId}: ${message} (${location.map((at) => at.pointer).join(", ")})`);
process.exit(problems.length ? 1 : 0);
