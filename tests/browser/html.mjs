// The HTML report in a real browser: `node tests/browser/html.mjs REPORT.html [DIRECTORY FOR SCREENSHOTS]`.
//
// It needs playwright-core (NODE_PATH may say where) and a Chromium (CHROMIUM says which, else /usr/bin/chromium).
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const { chromium } = createRequire(import.meta.url)("playwright-core");
const [report, pictures = mkdtempSync(join(tmpdir(), "ssm-profile-html-"))] = process.argv.slice(2);
const address = pathToFileURL(resolve(report)).href;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

async function open(options) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints = [], requests = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => requests.push(request.url()));
  const start = performance.now();
  await page.goto(address);
  return { page, complaints, requests, took: Math.round(performance.now() - start) };
}

try {
  const { page, complaints, requests, took } = await open({ colorScheme: "light" });
  const rows = page.locator("details.target");
  const visible = () => page.locator("details.target:not([hidden])").count();
  const status = (text) => page.waitForFunction((text) => document.getElementById("shown").textContent.startsWith(text), text);
  const all = await rows.count();
  assert.ok(all > 0, "there are targets");
  await status(`${all} of ${all}`);
  let slowest = 0;

  // Each choice of each filter shows exactly the rows that have it.
  for (const name of ["verdict", "account", "region", "code"]) {
    const values = await page.locator(`select[name=${name}] option`).evaluateAll((list) => list.map((one) => one.value).slice(1, 4));
    for (const value of values) {
      const expected = await rows.evaluateAll((list, [name, value]) => list.filter((row) =>
        name === "code" ? row.dataset.codes.split(" ").includes(value) : row.dataset[name] === value).length, [name, value]);
      const start = performance.now();
      await page.selectOption(`select[name=${name}]`, value);
      await status(`${expected} of ${all}`);
      slowest = Math.max(slowest, Math.round(performance.now() - start));
      assert.equal(await visible(), expected, `${name}=${value}`);
    }
    await page.selectOption(`select[name=${name}]`, "");
    await status(`${all} of ${all}`);
  }
  await page.fill("input[name=text]", "no such words anywhere");
  await status(`0 of ${all}`);
  await page.click("button[type=reset]");
  await status(`${all} of ${all}`);

  // With the keyboard alone: the first control is the first filter, and a target opens and closes with Enter.
  await page.click("h1");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.name), "verdict");
  await page.locator("details.target[data-verdict=not_ready] summary").first().focus();
  await page.keyboard.press("Enter");
  const opened = page.locator("details.target[open]");
  assert.equal(await opened.count(), 1);
  await opened.locator("button", { hasText: "Copy" }).first().click();
  await opened.locator("button", { hasText: /Copied|Selected/ }).waitFor();
  assert.ok(await opened.locator(".chain .bad").count() >= 1, "the chain shows where it breaks");
  await page.screenshot({ path: join(pictures, "light.png") });
  await opened.scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(pictures, "target.png") });
  await page.emulateMedia({ media: "print" });
  await page.screenshot({ path: join(pictures, "print.png") });

  const dark = await open({ colorScheme: "dark" });
  assert.notEqual(await dark.page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
  await dark.page.screenshot({ path: join(pictures, "dark.png") });

  // Without a script everything is there, and no filter that would do nothing.
  const plain = await open({ javaScriptEnabled: false });
  assert.equal(await plain.page.locator("details.target").count(), all);
  assert.equal(await plain.page.locator("form").isVisible(), false);

  // A phone shows no page that must be scrolled sideways.
  const narrow = await open({ viewport: { width: 360, height: 700 } });
  assert.ok(await narrow.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is too wide");

  for (const one of [{ complaints, requests }, dark, plain, narrow]) {
    assert.deepEqual(one.complaints, []);
    assert.deepEqual(one.requests, [address], "nothing but the file is asked for");
  }
  console.log(`ok: ${all} targets, loaded in ${took} ms, filtered in ${slowest} ms at most, screenshots in ${pictures}`);
} finally {
  await browser.close();
}
