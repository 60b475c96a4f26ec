// One Chromium for all scenarios, each of which has visitors of its own. Prints its address, and ends with its stdin.
// Where Debian's headless shell is, it is that: the same pages for a third of the computing, as it makes no windows around them.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const executablePath =
  ["/usr/bin/chromium-headless-shell"].find((path) => existsSync(path)) ?? "/usr/bin/chromium";

const server = await chromium.launchServer({ executablePath, args: ["--no-sandbox"] });
console.log(server.wsEndpoint());
process.stdin.resume().on("end", () => server.close().then(() => process.exit()));
