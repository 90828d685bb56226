// A browser writes a journey: see test_editor.py. Reads {url, token, profile, journey, template}.
import { errors, given, narrow, page, play, steps } from './opened.mjs';

const TEXT = `id: ${given.journey}
entry:
  - event: {name: ${given.journey}}
start: greet
steps:
  greet: {message: {channel: email, template: nobody-has-it}, next: nowhere}
  done: {exit: {outcome: greeted}}
`;

const box = page.getByRole('textbox', { name: 'Definition as YAML' });
const problems = page.getByRole('region', { name: 'Problems' }).getByRole('button');
const state = page.getByRole('region', { name: 'Definition' }).getByRole('status');
const api = async (path, options = {}) => {
  const headers = { Authorization: `Bearer ${given.token}`, 'Content-Type': 'application/json' };
  return fetch(`${given.url}/api/${path}`, { ...options, headers });
};

/** The whole text; the editor draws only what is near. */
const text = async () => (await box.locator('.cm-line').allInnerTexts()).map((line) => line.replace(/\n$/, '')).join('\n');

async function replace(by) {
  await box.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(by);
}

function expected(what, found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) errors.push(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}

/** Lines that have a mark, and the words that are marked. */
async function marked() {
  const lines = await box.locator('.cm-line').evaluateAll((all) => all.flatMap((line, index) => (line.querySelector('.cm-lintRange-error') ? [index + 1] : [])));
  return { lines, words: await box.locator('.cm-lintRange-error').allInnerTexts() };
}

async function refused() {
  await page.getByRole('link', { name: 'New journey' }).click();
  await box.waitFor();
  await replace(TEXT);
  await problems.filter({ hasText: "there is no template 'nobody-has-it'" }).filter({ hasText: 'Line 6' }).waitFor();
  expected('marked', await marked(), { lines: [6], words: ['nobody-has-it'] });
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await state.getByText(/cannot be published yet/).waitFor();
  const answer = await api(`journeys/${given.journey}`);
  expected('what was refused', answer.status, 404);
  steps.push('refused at its lines');
}

async function left() {
  const dialog = page.getByRole('dialog', { name: 'Leave with unsaved text?' });
  await page.getByRole('link', { name: 'Segments' }).first().click();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.goBack();
  await dialog.waitFor();
  expected('the address while it is asked', new URL(page.url()).pathname, '/journeys/-/new');
  await dialog.getByRole('button', { name: 'Leave' }).click();
  await page.getByRole('heading', { name: 'Journeys', level: 1 }).waitFor();
  await page.getByRole('link', { name: 'New journey' }).click();
  await page.getByRole('region', { name: 'Unsaved text' }).waitFor();
  await page.reload();
  await page.getByRole('region', { name: 'Unsaved text' }).waitFor();
  await box.getByText('nobody-has-it').waitFor();
  expected('after a reload', await text(), TEXT);
  steps.push('asked before leaving, kept over a reload');
}

/** A click on the problem selects the word; what is offered takes its place. */
async function mended() {
  await problems.filter({ hasText: 'nobody-has-it' }).click();
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Control+Space');
  await page.getByRole('listbox').getByRole('option').filter({ hasText: given.template }).click();
  await problems.filter({ hasText: 'nowhere' }).filter({ hasText: 'Line 6' }).click();
  await page.keyboard.type('do');
  await page.getByRole('option', { name: /^done/ }).waitFor();
  await page.keyboard.press('Enter');
  await state.getByText('1 doubt, can be published').waitFor();
  await page.getByRole('region', { name: 'Doubts' }).getByRole('button').filter({ hasText: 'Line 3' }).waitFor();
  expected('mended', (await text()).includes(`template: ${given.template}}, next: done}`), true);
  steps.push('mended by what is offered');
}

async function published() {
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByRole('heading', { name: given.journey, level: 1 }).waitFor();
  await page.getByRole('status').filter({ hasText: 'Version 1 is published.' }).waitFor();
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
  const { status, live_version } = await (await api(`journeys/${given.journey}`)).json();
  expected('the journey', [status, live_version], ['live', 1]);
  steps.push('published and live');
}

async function changed() {
  await page.getByRole('link', { name: 'Edit', exact: true }).click();
  await box.getByText('greeted').waitFor();
  expected('opened', await text(), `id: ${given.journey}
entry:
  - {event: {name: ${given.journey}}}
start: greet
steps:
  greet: {message: {channel: email, template: ${given.template}}, next: done}
  done: {exit: {outcome: greeted}}
`);
  steps.push('opened in reading order');

  const { body } = await (await api(`journeys/${given.journey}`)).json();
  await api(`journeys/${given.journey}`, { method: 'PUT', body: JSON.stringify({ ...body, name: 'Theirs' }) });
  await replace((await text()).replace('outcome: greeted', 'outcome: mine'));
  await state.getByText('Nothing is wrong').or(state.getByText('can be published')).waitFor();
  await page.keyboard.press('Control+S');
  await page.getByRole('alert').filter({ hasText: 'Somebody saved another text' }).waitFor();
  await page.getByRole('button', { name: 'Throw mine away, open theirs' }).click();
  await box.getByText('Theirs').waitFor();
  expected('thrown away', (await text()).includes('mine'), false);
  steps.push('told of another text');

  await replace((await text()).replace('outcome: greeted', 'outcome: welcomed').replace(given.journey, 'another'));
  await problems.filter({ hasText: 'the id of a journey stays' }).filter({ hasText: 'Line 1' }).click();
  await page.keyboard.insertText(given.journey);
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Publish the draft of Theirs?' });
  await dialog.getByText('Nobody is in it now.').waitFor();
  await dialog.getByRole('button', { name: 'Publish for all' }).click();
  await page.getByRole('status').filter({ hasText: 'Version 2 is published' }).waitFor();
  const now = await (await api(`journeys/${given.journey}`)).json();
  expected('version 2', [now.live_version, now.body.steps.done, now.draft ?? null], [2, { exit: { outcome: 'welcomed' } }, null]);
  steps.push('published with a plan');
}

/** Tab writes; after Escape it leaves. */
async function byKeyboard() {
  await page.goto(`${given.url}/journeys/${given.journey}/edit`);
  await box.focus();
  await page.keyboard.press('Tab');
  if (!(await box.evaluate((element) => element === document.activeElement))) errors.push('Tab leaves the text');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  if (await box.evaluate((element) => element === document.activeElement)) errors.push('Escape and Tab do not leave the text');
  await page.getByText('Not saved; kept in this browser').waitFor();
  await box.focus();
  await page.keyboard.press('Control+Z');
  await page.getByText('As it is saved').waitFor();
  steps.push('left by keyboard');
}

await play(async () => {
  await page.goto(`${given.url}/#token=${given.token}`);
  await page.getByRole('heading', { name: 'Journeys', level: 1 }).waitFor();
  await refused();
  await left();
  await mended();
  await published();
  await changed();
  await byKeyboard();
  await narrow(['journeys/-/new', `journeys/${given.journey}/edit`]);
});
