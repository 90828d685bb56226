// A browser goes through the main path: sign in, publish a draft, an event is posted, mail and timeline are there.
// Reads {url, token, writeKey, journey, customer, email, subject, profile} as JSON from its first argument.
// Prints one JSON line: {steps: [...], errors: [...]}; ends with 1 if anything was not as expected.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../ui/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const given = JSON.parse(process.argv[2]);
const steps = [];
const errors = [];
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const context = await chromium.launchPersistentContext(given.profile, { executablePath: '/usr/bin/chromium', headless: true, args: FLAGS, viewport: { width: 1280, height: 900 } });
context.setDefaultTimeout(20_000);
const page = context.pages()[0] ?? (await context.newPage());
page.on('console', (message) => { if (message.type() === 'error') errors.push(`console: ${message.text()} (${message.location().url})`); });
page.on('pageerror', (error) => errors.push(`page: ${error.message}`));
page.on('request', (request) => { if (/\/(undefined|null)(\/|\?|$)/.test(request.url())) errors.push(`asked for nothing: ${request.url()}`); });
page.on('requestfailed', (request) => { if (!/ERR_ABORTED/.test(request.failure()?.errorText ?? '')) errors.push(`request: ${request.url()}`); });

async function post() {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${given.writeKey}` };
  for (const [address, body] of [['identify', { traits: { email: given.email, first_name: 'Eve' } }], ['track', { event: given.journey }]]) {
    const response = await fetch(`${given.url}/v1/${address}`, { method: 'POST', headers, body: JSON.stringify({ userId: given.customer, ...body }) });
    if (!response.ok) throw new Error(`${address}: ${response.status} ${await response.text()}`);
  }
}

try {
  await page.goto(given.url);
  await page.getByLabel('Admin token').fill(given.token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Journeys', level: 1 }).waitFor();
  steps.push('signed in');

  await page.getByRole('link', { name: given.journey, exact: true }).click();
  await page.getByRole('heading', { name: given.journey, level: 1 }).waitFor();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByRole('status').filter({ hasText: /Version 1 is / }).waitFor();
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
  steps.push('published');

  await post();
  await page.getByRole('link', { name: 'Inbox' }).first().click();
  await page.getByRole('heading', { name: 'Inbox', level: 1 }).waitFor();
  const mail = page.getByRole('region', { name: 'Mails' }).getByRole('link').filter({ hasText: given.email });
  for (const until = Date.now() + 20_000; Date.now() < until && !(await mail.isVisible()); ) {
    await page.reload();
    await mail.waitFor({ timeout: 1500 }).catch(() => {});
  }
  await mail.click();
  await page.getByRole('heading', { name: given.subject }).or(page.getByText(given.subject).last()).first().waitFor();
  const frame = page.frameLocator('section[aria-label="Mail"] iframe');
  await frame.getByText('Hello Eve, welcome.').waitFor();
  steps.push('mail read');

  await page.getByRole('link', { name: 'Customers' }).first().click();
  await page.getByRole('link', { name: given.customer, exact: true }).first().click();
  const timeline = page.getByRole('region', { name: 'Timeline' });
  await timeline.getByRole('link', { name: given.journey }).first().waitFor();
  const decisions = timeline.locator('li time');
  for (const until = Date.now() + 20_000; Date.now() < until && (await decisions.count()) < 4; ) {
    await page.reload();
    await decisions.nth(3).waitFor({ timeout: 1500 }).catch(() => {});
  }
  steps.push(`timeline of ${await decisions.count()} decisions`);
} catch (error) {
  errors.push(String(error));
  errors.push(`shown: ${(await page.locator('body').innerText().catch(() => '')).slice(0, 1500)}`);
} finally {
  await context.close();
}
console.log(JSON.stringify({ steps, errors }));
process.exit(errors.length === 0 ? 0 : 1);
