// A browser that is opened for a script: its page, what went wrong on it, and how the script ends.
// The script reads what it is given as JSON from its first argument, `profile` (a folder) among it. It prints one JSON line:
// {steps: [...], errors: [...]}; ends with 1 if anything was not as expected.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../ui/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const given = JSON.parse(process.argv[2]);
export const steps = [];
export const errors = [];
export const context = await chromium.launchPersistentContext(given.profile, { executablePath: '/usr/bin/chromium', headless: true, args: FLAGS, viewport: { width: 1280, height: 900 } });
context.setDefaultTimeout(20_000);
export const page = context.pages()[0] ?? (await context.newPage());
page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) errors.push(`console: ${message.text()} (${message.location().url})`); });
page.on('pageerror', (error) => errors.push(`page: ${error.message}`));
page.on('request', (request) => { if (/\/(undefined|null)(\/|\?|$)/.test(request.url())) errors.push(`asked for nothing: ${request.url()}`); });
page.on('requestfailed', (request) => { if (!/ERR_ABORTED/.test(request.failure()?.errorText ?? '')) errors.push(`request: ${request.url()}`); });

/** What the API tells later than now: looks again until it is there. */
export async function seen(locator) {
  for (const until = Date.now() + 20_000; Date.now() < until && !(await locator.isVisible()); ) {
    await page.reload();
    await locator.waitFor({ timeout: 1500 }).catch(() => {});
  }
}

/** Each screen as a telephone shows it: none is wider. */
export async function narrow(screens) {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const screen of screens) {
    await page.goto(`${given.url}/${screen}`);
    await page.locator('main h1, main h2').first().waitFor();
    await page.getByRole('status').filter({ hasText: 'Loading' }).first().waitFor({ state: 'detached' });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (over > 0) errors.push(`${screen} is ${over} px wider than a telephone`);
  }
  steps.push(`${screens.length} screens fit`);
}

/** Goes through the script, tells what came of it, and ends. */
export async function play(script) {
  try {
    await script();
  } catch (error) {
    errors.push(String(error));
    errors.push(`shown: ${(await page.locator('body').innerText().catch(() => '')).slice(0, 1500)}`);
  } finally {
    await context.close();
  }
  console.log(JSON.stringify({ steps, errors }));
  process.exit(errors.length === 0 ? 0 : 1);
}
