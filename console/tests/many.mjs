// A channel of thousands of messages: read from its end to its beginning, it does not jump, and it stays light and smooth.
import { cpuOf, same, signIn } from "./browser.mjs";
import { options } from "./given.mjs";

const HEAP = 10 * 1024 * 1024;
const CPU_MS = 8; // of a frame: half of the time that it has

/** Posts "message FIRST" to before "message LAST", so many at a time. */
async function fill(first, last, atATime) {
  let next = first;
  const send = async () => {
    while (next < last) {
      const text = `message ${next++}`;
      const answer = await fetch(options.endpoint, {
        method: "POST",
        headers: { Authorization: `Bearer ${options.token}`, "Content-Type": "application/json" },
        body: JSON.stringify({ text }),
      });
      if (!answer.ok) throw new Error(await answer.text());
    }
  };
  await Promise.all(Array.from({ length: atATime }, send));
}

/** Reads back to the beginning; what is in view when older ones come stands where it stood. How far it moved at most. */
const readBack = (page) =>
  page.getByRole("region", { name: "Messages" }).evaluate(async (box) => {
    const frame = () => new Promise((go) => requestAnimationFrame(go));
    const top = box.getBoundingClientRect().top;
    const numberOf = (one) => Number(/message (\d+)/.exec(one.textContent)?.[1] ?? NaN);
    const inView = () =>
      [...box.querySelectorAll("article")].filter((one) => one.getBoundingClientRect().top >= top);
    const placeOf = (number) =>
      inView()
        .find((one) => numberOf(one) === number)
        ?.getBoundingClientRect().top;
    const seen = { pages: 0, jump: 0, lost: 0, first: NaN };
    for (;;) {
      box.scrollTo(0, 100);
      await frame();
      await frame();
      const anchor = numberOf(inView()[0]);
      const before = placeOf(anchor);
      const height = box.scrollHeight;
      for (const end = performance.now() + 20_000; box.scrollHeight <= height; await frame()) {
        if (box.scrollTop > 100 && box.scrollHeight === height) break;
        if (performance.now() < end && !box.textContent.match(/message 0\D/)) continue;
        seen.first = Math.min(...[...box.querySelectorAll("article")].map(numberOf));
        return seen;
      }
      await frame();
      await frame();
      let after = placeOf(anchor);
      for (const end = performance.now() + 20_000; after === undefined && performance.now() < end;) {
        await frame(); // the list is drawn when the browser has the time
        after = placeOf(anchor);
      }
      if (after === undefined) seen.lost++;
      else seen.jump = Math.max(seen.jump, Math.abs(after - before));
      seen.pages++;
    }
  });

/**
 * What the page computes for a frame while what LOCATOR finds is scrolled for 3 s, in ms of its thread,
 * to which no other process's work adds; and how many frames there were.
 */
async function scrolled(page, locator) {
  const { spent, result: all } = await cpuOf(page, () =>
    locator.evaluate(async (box) => {
      const next = () => new Promise((go) => requestAnimationFrame(go));
      const end = (await next()) + 3000;
      let all = 1;
      for (; (await next()) < end; all++) box.scrollBy(0, 60);
      return all;
    }),
  );
  return { all, cpu: spent / all };
}

/** The heap once all garbage is gone, in bytes. */
async function heap(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("HeapProfiler.enable");
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  await devtools.detach();
  return usedSize;
}

export const many = {
  async many(browser) {
    let time = Date.now();
    const lap = () => -(time - (time = Date.now()));
    const count = options.count;
    await fill(0, 1, 1);
    await fill(1, count - 20, 32);
    await fill(count - 20, count, 1);
    console.log("filled in ms", lap());
    const page = await browser.visit();
    await signIn(page, options);
    await page.goto(`${browser.url}/#/channels/${options.channel}`);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByText(`message ${count - 1}`, { exact: true }).waitFor();
    const seen = await readBack(page);
    console.log("read back", seen, lap());
    same([seen.jump, seen.lost, seen.first], [0, 0, 0], "jumps, lost anchors and the first message");
    const frames = await scrolled(page, page.getByRole("region", { name: "Messages" }));
    console.log("frames", frames, lap());
    if (frames.cpu > CPU_MS) throw new Error(`not smooth: ${frames.cpu} ms a frame`);
    const used = await heap(page);
    console.log("heap", used, lap());
    if (used > HEAP) throw new Error(`the heap: ${used}`);
  },
};
