// What every scenario is given, and what they do alike.
import { readFileSync } from "node:fs";

export const options = JSON.parse(readFileSync(0, "utf8"));
const shots = process.env.POSTERN_SCREENSHOTS;

/** A picture of the page, where pictures are wanted. */
export const shot = async (page, file) => {
  if (shots) await page.screenshot({ path: `${shots}/${file}.png` });
};

export const row = (page, name, within = page) =>
  within.getByRole("listitem").filter({ has: page.getByRole("heading", { name }) });

export async function create(page, name) {
  await page.getByRole("button", { name: "Create New Token" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByRole("heading", { name: "Your new token" }).waitFor();
  return page.getByLabel("Webhook token", { exact: true }).inputValue();
}

export async function copyAndClose(page) {
  await page.getByRole("button", { name: "Copy the token" }).click();
  await page.getByRole("button", { name: "Done" }).click();
}

/** Bytes of script that the page has loaded, as they were sent. */
export const scripts = (page) =>
  page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter((one) => one.name.endsWith(".js"))
      .reduce((sum, one) => sum + one.encodedBodySize, 0),
  );

/** How far the page goes to the side, past what is seen. */
export const sideways = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** The page needs no more script than any page may, in KB. */
export const light = async (page, where, most = 110) => {
  const weight = await scripts(page);
  if (weight < 1000 || weight > most * 1024) throw new Error(`too heavy: ${where}, ${weight}`);
};
