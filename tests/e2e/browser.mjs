// A browser goes through the main path: sign in, publish a draft, an event is posted, mail and timeline are there. Then
// it publishes a version that takes people along, counts, makes and deletes a segment, reads a webhook, merges two customers,
// looks for what is not there, and opens every screen as a telephone shows it.
// Reads {url, token, writeKey, journey, customer, email, subject, profile, moved, segment, hook, visitor}.
import { context, errors, given, narrow, page, play, seen, steps } from './opened.mjs';

async function post() {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${given.writeKey}` };
  for (const [address, body] of [['identify', { traits: { email: given.email, first_name: 'Eve' } }], ['track', { event: given.journey }]]) {
    const response = await fetch(`${given.url}/v1/${address}`, { method: 'POST', headers, body: JSON.stringify({ userId: given.customer, ...body }) });
    if (!response.ok) throw new Error(`${address}: ${response.status} ${await response.text()}`);
  }
}

async function publishPlanned() {
  await page.getByRole('link', { name: 'Journeys' }).first().click();
  await page.getByRole('link', { name: given.moved, exact: true }).click();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: `Publish the draft of ${given.moved}?` });
  await dialog.getByText('1 run moves, 0 end, 0 stay.').waitFor();
  await dialog.getByRole('cell', { name: 'go to again' }).waitFor();
  await dialog.getByLabel('Share in per cent').fill('0');
  await dialog.getByText('The share is a number from 0.01 to 99.99.').waitFor();
  await dialog.getByLabel('All who enter from now on').check();
  await dialog.getByRole('button', { name: 'Publish for all' }).click();
  await page.getByRole('status').filter({ hasText: 'Version 2 is published' }).waitFor();
  const version = page.getByRole('region', { name: 'Versions' }).getByRole('listitem').filter({ hasText: 'Version 2' });
  await seen(version.getByText(/^1\s*run$/));
  await version.getByText('with a map').waitFor();
  steps.push('published with a plan');
}

async function segmentMade() {
  await page.getByRole('link', { name: 'Segments' }).first().click();
  await page.getByRole('link', { name: 'New segment' }).click();
  await page.getByLabel('Id', { exact: true }).fill(given.segment);
  await page.getByLabel('Condition', { exact: true }).fill(JSON.stringify({ 'customer.email': { equals: given.email } }));
  await page.getByRole('button', { name: 'Count', exact: true }).click();
  await page.getByRole('list', { name: 'Some of them' }).getByRole('link', { name: given.email }).waitFor();
  await page.getByText(/^1 of [\d,]+ customers? \(/).waitFor();
  await page.getByRole('button', { name: 'Count exactly' }).click();
  await page.getByText('Exact: every lane has asked its customers.').waitFor();
  await page.getByRole('list', { name: 'Some of those counted' }).getByRole('link', { name: given.email }).waitFor();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByRole('heading', { name: given.segment, level: 1 }).waitFor();
  await seen(page.getByRole('region', { name: 'Customers in it' }).getByRole('link', { name: given.email }));
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: `Delete ${given.segment}?` });
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  steps.push('segment counted and made');
}

async function webhookRead() {
  await page.getByRole('link', { name: 'Inbox' }).first().click();
  await page.getByRole('radio', { name: 'Webhooks' }).click();
  const call = page.getByRole('region', { name: 'Webhooks' }).getByRole('link').filter({ hasText: given.hook });
  await seen(call);
  await call.click();
  const shown = page.getByRole('region', { name: 'Webhook', exact: true });
  await shown.getByText('"order": 7').waitFor();
  await shown.getByRole('radio', { name: 'Headers' }).click();
  await shown.getByText('idempotency-key').waitFor();
  steps.push('webhook read');
}

/** The visitor becomes the customer: one page, one timeline of both, and the old address leads there. */
async function customersMerged() {
  const { visitor, customer } = given;
  await page.goto(`${given.url}/customers/${encodeURIComponent(visitor)}`);
  const timeline = page.getByRole('region', { name: 'Timeline' });
  await timeline.getByRole('link', { name: given.moved }).first().waitFor();
  await page.getByRole('button', { name: 'Merge into another customer' }).click();
  const dialog = page.getByRole('dialog', { name: `Merge ${visitor} into another customer?` });
  await dialog.getByLabel('Id of the customer who goes on').fill(customer);
  await dialog.getByRole('button', { name: 'Merge for good' }).click();
  await page.waitForURL(`**/customers/${encodeURIComponent(customer)}`);
  await page.getByRole('status').filter({ hasText: `${visitor} goes on as ${customer}.` }).waitFor();
  await page.goto(`${given.url}/customers/${encodeURIComponent(visitor)}`);
  await page.waitForURL(`**/customers/${encodeURIComponent(customer)}`);
  await page.getByRole('region', { name: 'Also known as' }).getByText(visitor, { exact: true }).waitFor();
  await seen(timeline.getByText(`Took in ${visitor}`));
  await timeline.getByText(`${visitor} goes on as ${customer}`).waitFor();
  await timeline.getByRole('listitem').filter({ hasText: given.moved }).filter({ hasText: `as ${visitor}` }).first().waitFor();
  await timeline.getByRole('link', { name: given.journey }).first().waitFor();
  steps.push('two customers merged');
}

/** The whole graph is still whole on a telephone; what a step does comes to where one looks, and leaves again. */
async function graphShrunk() {
  await page.goto(`${given.url}/journeys/${encodeURIComponent(given.moved)}?view=graph`);
  await page.getByRole('button', { name: 'Fit View' }).click();
  await page.keyboard.press('Tab'); // a key is no reason to warn
  await graphWhole();
  await page.setViewportSize({ width: 390, height: 844 });
  await graphWhole();
  await page.goto(`${given.url}/journeys/${encodeURIComponent(given.moved)}?view=steps`);
  await page.getByRole('button', { name: /again/ }).first().click();
  const about = page.getByRole('complementary', { name: 'About step again' });
  await about.waitFor();
  await page.waitForFunction((element) => element.getBoundingClientRect().top <= 724, await about.elementHandle());
  steps.push('graph shrunk');
}

/** Until all steps are within the pane, which has the width of the window. */
async function graphWhole() {
  await page.waitForFunction(() => {
    const pane = document.querySelector('.svelte-flow').getBoundingClientRect();
    const within = (box) => box.left >= pane.left && box.right <= pane.right && box.top >= pane.top && box.bottom <= pane.bottom;
    const nodes = [...document.querySelectorAll('.svelte-flow__node')];
    return pane.right <= window.innerWidth && nodes.length > 0 && nodes.every((node) => within(node.getBoundingClientRect()));
  });
}

/** What is not there is looked for once, and again when somebody asks. A page of its own: its clock is set forward. */
async function missed() {
  const own = await context.newPage();
  const asked = [];
  own.on('request', (request) => { if (/\/api\/(journeys|customers)\//.test(request.url())) asked.push(request.url()); });
  await own.clock.install();
  for (const [kind, requests] of [['journeys', 2], ['customers', 2]]) {
    asked.length = 0;
    await own.goto(`${given.url}/${kind}/${given.journey}-nobody#token=${given.token}`);
    await own.getByRole('alert').filter({ hasText: 'Not found' }).first().waitFor();
    await own.waitForLoadState('networkidle');
    await own.clock.runFor(60_000);
    await own.waitForLoadState('networkidle');
    if (asked.length !== requests) errors.push(`asked ${asked.length} times for what is not there: ${asked.slice(0, 5).join(' ')}`);
    const again = own.waitForResponse((response) => response.status() === 404);
    await own.getByRole('button', { name: 'Try again' }).first().click();
    await own.clock.runFor(1);
    await again;
  }
  await own.close();
  steps.push('asked once for what is not there');
}

function screens() {
  const [journey, segment, customer] = [given.moved, given.segment, given.customer].map((id) => encodeURIComponent(id));
  return [
    'journeys', `journeys/${journey}?view=graph`, `journeys/${journey}?view=steps`, `journeys/${journey}?view=definition`, 'segments', `segments/${segment}`,
    `segments/${segment}?edit=1`, 'segments/-/new', 'customers', `customers/${customer}`, 'messages', 'inbox', 'sink', 'settings', 'nowhere',
  ];
}

await play(async () => {
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

  await publishPlanned();
  await segmentMade();
  await webhookRead();
  await customersMerged();
  await graphShrunk();
  await missed();
  await narrow(screens());
});
