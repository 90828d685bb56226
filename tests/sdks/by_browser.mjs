// Makes calls with Segment's library for browsers, on a page of another site. Reads {url, key, calls: [[method, message],
// ...]} as JSON from its first argument; ends with 1 if something was not taken.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';

const require = createRequire(new URL('../../ui/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const library = join(dirname(require.resolve('@segment/analytics-next/package.json')), 'dist/umd/index.js');
const { url, key, calls } = JSON.parse(process.argv[2]);
const site = createServer((_, answer) => answer.setHeader('Content-Type', 'text/html').end('<!doctype html><link rel="icon" href="data:,">'));
await new Promise((ready) => site.listen(0, '127.0.0.1', ready)); // another port is another site

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage();
page.setDefaultTimeout(20_000);
page.on('console', (message) => { if (message.type() === 'error') fail(message.text()); });
page.on('response', (answer) => { if (answer.status() >= 400) fail(`${answer.status()} ${answer.url()}`); });
await page.goto(`http://127.0.0.1:${site.address().port}/`);
await page.addScriptTag({ content: readFileSync(library, 'utf8') });
await page.evaluate(async ([key, apiHost]) => {
  const integrations = { 'Segment.io': { apiKey: key, apiHost, protocol: 'http' } };
  [window.made] = await window.AnalyticsNext.AnalyticsBrowser.load({ writeKey: key, cdnSettings: { integrations } }, { retryQueue: false });
}, [key, `${new URL(url).host}/v1`]);
for (const call of calls) {
  const answered = page.waitForResponse((answer) => answer.request().method() === 'POST');
  await page.evaluate(([method, { userId, anonymousId, ...said }]) => {
    if (anonymousId) window.made.setAnonymousId(anonymousId);
    const { event, name, groupId, previousId, properties, traits } = said;
    const words = { track: [event, properties], page: [name, properties], screen: [name], identify: [userId, traits], alias: [userId, previousId], group: [groupId, traits] };
    return window.made[method](...words[method]);
  }, call);
  await answered;
}
await browser.close();
site.close();

function fail(said) {
  console.error(said);
  process.exitCode = 1;
}
