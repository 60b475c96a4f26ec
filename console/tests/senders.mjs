// What a person does with the senders of a channel or a bot, and with their formats.
import { copied, same, signIn, until } from "./browser.mjs";
import { options, scripts, sideways } from "./given.mjs";

const result = (page) =>
  page
    .locator("div")
    .filter({ has: page.getByRole("heading", { name: "What is shown" }) })
    .last();

/** From the list to a complete address, by which the first event comes and is seen. */
async function address(browser, page) {
  await page.getByRole("link", { name: "Senders" }).click();
  await page.getByLabel("Find a sender").fill("no such sender");
  await page.getByText("There is no sender of that name").waitFor();
  await page.getByLabel("Find a sender").fill("graf");
  await page.getByRole("link", { name: "Grafana" }).click();
  await page.getByText("Contact points").waitFor();
  await page.getByText("TOKEN stands where the token goes").waitFor();
  await page.getByRole("button", { name: "Make a token for it" }).click();
  await page.getByText("This token is shown this once").waitFor();
  const token = await page.getByLabel("Webhook token").inputValue();
  const address = await copied(page, page.getByRole("button", { name: "Copy the address" }));
  same(new URL(address).searchParams.get("zapikey"), token, "the token of the address");
  await page.getByText(address).nth(1).waitFor(); // in the instructions, too
  const body = await page.getByLabel("Body").inputValue();
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
  });
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${await answer.text()}`);
  await page.getByText("It has arrived:").waitFor();
  same(await page.getByRole("article").count(), 2, "what has arrived, and what the example becomes");
  const [arrived, tried] = await page.getByRole("article").all();
  same(
    await arrived.locator(".markup").allInnerTexts(),
    await tried.locator(".markup").allInnerTexts(),
    "what has arrived",
  );
  await browser.check(page, "a sender");
}

/** A caught event by a template that is changed, wrong and right, and kept. */
async function playground(browser, page) {
  await page.goto(`${browser.url}/#/bots/${options.bot}/senders?sender=${options.format}`);
  await page.getByText("This format was made for your installation").waitFor();
  await page.getByLabel("Event", { exact: true }).selectOption({ index: 1 });
  await result(page).getByText("seen: from afar").waitFor();
  await page.getByLabel("Change the template").check();
  const template = page.getByLabel("Template", { exact: true });
  const text = await template.inputValue();
  await template.fill(text.replace("seen:", "{{ text | uper }}"));
  await page.getByRole("alert").getByText('did you mean "upper"').waitFor();
  await template.fill(text.replace("seen:", "<b>{{ text | upper }}</b>"));
  await result(page).getByText("<b>FROM AFAR</b>").waitFor();
  await page.getByLabel("Body").fill("{");
  await page.getByText("The body cannot be read").waitFor();
  await browser.check(page, "playground");
  await page.getByRole("button", { name: "Use this template from now on" }).click();
  await page.getByText("It is in use.").waitFor();
  await page.setViewportSize({ width: 360, height: 740 });
  same(await sideways(page), 0, "pixels to the side");
  await page.reload();
  await page.getByLabel("Change the template").check();
  await until(async () => (await template.inputValue()).includes("| upper"), "the template that was kept");
  await page.goto(`${browser.url}/#/bots/${options.bot}/senders?sender=github`);
  await page.getByText("Settings → Webhooks").waitFor();
  await page.getByLabel("Change the template").check();
  const [long] = (await template.inputValue()).split(/(?=\n}\s*$)/);
  same(long.length > 16384, true, "a long template");
  await template.fill(`${long}\n}\n\n`);
  await result(page).waitFor();
  await page.getByRole("button", { name: "Use this template from now on" }).waitFor();
}

export const senders = {
  async senders(browser) {
    const page = await browser.visit(`/#/channels/${options.channel}`);
    await page.getByLabel("Email address").fill(options.email);
    await page.getByLabel("Password").fill(options.password);
    await page.keyboard.press("Enter");
    await address(browser, page);
    const weight = await scripts(page);
    if (weight < 1000 || weight > 110 * 1024) throw new Error(`too heavy: ${weight}`);
    await playground(browser, page);
  },

  // A member tries an event and a template, and puts none into use.
  async senders_of_a_member(browser) {
    const page = await browser.visit();
    await signIn(page, options);
    // Four actions from the first page to what GitHub sends, seen as a message.
    await page.getByRole("link", { name: "Channels", exact: true }).click();
    await page.getByRole("link", { name: `Senders of ${options.channel}` }).click();
    await page.getByRole("link", { name: "GitHub" }).click();
    await page.getByText("Becomes a message").waitFor();
    await page.getByRole("button", { name: "Send this event to the channel" }).click();
    await page.getByText("It has arrived:").waitFor();
    await page.getByRole("article").first().getByText("commented on issue").waitFor();
    await page.goto(`${browser.url}/#/channels/${options.channel}/senders?sender=gitlab`);
    await page.getByText("X-Gitlab-Token").waitFor();
    await page.getByLabel("Change the template").check();
    const template = page.getByLabel("Template", { exact: true });
    await template.fill(
      '{"sender": "gitlab", "rules": [{"message": {"text": "a member saw {{ object_kind }}"}}]}',
    );
    await result(page).getByText("a member saw").waitFor();
    await page.getByText("owners and admins of Postern choose").waitFor();
    same(await page.getByRole("button", { name: /^Use this/ }).count(), 0, "what it may put into use");
  },
};
