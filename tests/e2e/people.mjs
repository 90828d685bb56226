// A browser looks at people: a timeline in words, a group with its members, and a customer who is deleted.
// Reads {url, token, profile, customer, email, journey, journeyName, template, group, groupName, members, gone, ghost}.
import { context, errors, given, narrow, page, play, seen, steps } from './opened.mjs';

const at = (...parts) => `${given.url}/${parts.map((part) => encodeURIComponent(part)).join('/')}`;

/** Names stand for ids, and ids are at hand. */
async function timelineRead() {
  await page.goto(at('customers', given.customer));
  const timeline = page.getByRole('region', { name: 'Timeline' });
  const entered = timeline.getByText(`Entered, first step: Send an email: ${given.template}`);
  await seen(entered);
  if ((await entered.getAttribute('title')) !== 'Entered, first step: greet') errors.push('the id of the step is not at hand');
  await seen(timeline.getByText(`Send an email: ${given.template} → Wait for buy, up to 1 day`));
  const link = timeline.getByRole('link', { name: given.journeyName }).first();
  if ((await link.getAttribute('title')) !== given.journey) errors.push('the id of the journey is not at hand');
  await page.getByText('at “Wait for buy, up to 1 day”').waitFor();
  steps.push('timeline in words');
}

/** From the customer to the group, from there to all its members, and back by the list. */
async function groupFound() {
  await page.getByRole('region', { name: 'Group' }).getByRole('link', { name: given.groupName }).click();
  await page.getByRole('heading', { name: given.groupName, level: 1 }).waitFor();
  const members = page.getByRole('region', { name: 'Members' });
  await members.getByText(`${given.members} customers`).waitFor();
  await page.getByRole('region', { name: 'Traits' }).getByText('enterprise').waitFor();
  const rows = members.locator('tbody tr');
  if ((await rows.count()) !== 50) errors.push(`a page of ${await rows.count()} members`);
  await members.getByRole('button', { name: 'Show more' }).click();
  await rows.nth(given.members - 1).getByRole('link', { name: given.email }).waitFor();
  await page.getByRole('link', { name: 'Groups' }).first().click();
  await page.getByRole('searchbox', { name: 'Id or name, from its beginning' }).fill(given.groupName.toUpperCase());
  await page.waitForURL('**/groups?query=*');
  const row = page.getByRole('region', { name: 'Groups' }).locator('tbody tr');
  await row.nth(1).waitFor({ state: 'detached' });
  await row.getByRole('cell', { name: String(given.members), exact: true }).waitFor();
  await row.getByRole('link', { name: given.groupName }).click();
  await members.getByRole('link', { name: `${given.group}-00` }).click();
  await page.getByRole('heading', { name: `${given.group}-00`, level: 1 }).waitFor();
  steps.push('group and members');
}

async function customerDeleted() {
  await page.goto(at('customers', given.gone));
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: `Delete ${given.gone} for good?` });
  const sure = dialog.getByRole('button', { name: 'Delete for good' });
  await dialog.getByRole('textbox').fill(given.gone.slice(1));
  if (await sure.isEnabled()) errors.push('a part of the id is enough to delete');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  if ((await dialog.getByRole('textbox').inputValue()) !== '') errors.push('what was typed is there again');
  await dialog.getByRole('textbox').fill(given.gone);
  await sure.click();
  await page.waitForURL('**/customers');
  await page.getByRole('status').filter({ hasText: `${given.gone} is deleted.` }).waitFor();
  await page.getByRole('link', { name: 'Groups' }).first().click();
  await page.getByRole('link', { name: 'Customers' }).first().click();
  await page.getByRole('region', { name: 'Customers' }).getByRole('link').first().waitFor();
  if (await page.getByText(`${given.gone} is deleted.`).isVisible()) errors.push('what was done is said again');
  if (await page.getByRole('link', { name: given.gone, exact: true }).isVisible()) errors.push('a deleted customer is in the list');
  steps.push('customer deleted');
}

/** Somebody else was faster. A page of its own, whose clock stands still: it does not look again by itself. */
async function deletedTwice() {
  const own = await context.newPage();
  await own.clock.install();
  await own.goto(`${at('customers', given.ghost)}#token=${given.token}`);
  await own.getByRole('button', { name: 'Delete', exact: true }).click();
  const headers = { Authorization: `Bearer ${given.token}` };
  const response = await fetch(`${given.url}/api/customers/${encodeURIComponent(given.ghost)}`, { method: 'DELETE', headers });
  if (response.status !== 204) errors.push(`deleting answers ${response.status}`);
  const dialog = own.getByRole('dialog');
  await dialog.getByRole('textbox').fill(given.ghost);
  await dialog.getByRole('button', { name: 'Delete for good' }).click();
  await own.clock.resume();
  await own.getByRole('status').filter({ hasText: `${given.ghost} is deleted.` }).waitFor();
  await own.close();
  steps.push('deleted by somebody else');
}

/** A list that cannot be had says so in its place, and is there when somebody asks again. A page of its own: it fails on purpose. */
async function listAskedAgain() {
  const own = await context.newPage();
  await own.clock.install();
  const broken = (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: '{"title": "Broken", "detail": "out of order"}' });
  await own.route('**/api/groups?*', broken);
  await own.goto(`${at('groups')}#token=${given.token}`);
  const list = own.getByRole('region', { name: 'Groups' });
  await list.getByRole('alert').filter({ hasText: 'out of order' }).waitFor();
  if (await own.getByRole('table').isVisible()) errors.push('a list that failed is shown');
  await own.unroute('**/api/groups?*', broken);
  await list.getByRole('button', { name: 'Try again' }).click();
  await own.clock.runFor(1);
  await list.getByRole('link').first().waitFor();
  await own.close();
  steps.push('list asked again');
}

async function groupDeleted() {
  await page.goto(at('groups', given.group));
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('dialog', { name: `Delete ${given.groupName}?` }).getByRole('button', { name: 'Delete the group' }).click();
  await page.waitForURL('**/groups');
  await page.getByRole('status').filter({ hasText: `${given.groupName} is deleted.` }).waitFor();
  await page.goto(at('customers', given.customer));
  await page.getByRole('heading', { name: given.email, level: 1 }).waitFor();
  if (await page.getByRole('region', { name: 'Group' }).isVisible()) errors.push('a deleted group is shown');
  steps.push('group deleted');
}

await play(async () => {
  await page.goto(given.url);
  await page.getByLabel('Admin token').waitFor();
  await page.goto(`${page.url()}#token=${given.token}`); // the page is there already
  await page.getByRole('heading', { name: 'Journeys', level: 1 }).waitFor();
  await timelineRead();
  await groupFound();
  await customerDeleted();
  await deletedTwice();
  await listAskedAgain();
  await narrow(['groups', `groups/${encodeURIComponent(given.group)}`, `customers/${encodeURIComponent(given.customer)}`]);
  await page.setViewportSize({ width: 1280, height: 900 });
  await groupDeleted();
});
