// One Chromium for all scenarios, each of which has visitors of its own. Prints its address, and ends with its stdin.
import { chromium } from "playwright-core";

const server = await chromium.launchServer({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
console.log(server.wsEndpoint());
process.stdin.resume().on("end", () => server.close().then(() => process.exit()));
