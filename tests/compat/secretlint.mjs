// Lints standard input with secretlint's rule for patterns. argv: the pattern.
// Prints what was found, one a line.
import { lintSource } from "@secretlint/core";
import { creator } from "@secretlint/secretlint-rule-pattern";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const result = await lintSource({
  source: {
    content: Buffer.concat(chunks).toString(),
    filePath: "stdin.txt",
    contentType: "text",
  },
  options: {
    config: {
      rules: [
        {
          id: "@secretlint/secretlint-rule-pattern",
          rule: creator,
          options: { patterns: [{ name: "postern", pattern: `/${process.argv[2]}/` }] },
        },
      ],
    },
  },
});
for (const message of result.messages) console.log(message.data.CREDENTIAL);
