import { expect, test } from 'vitest';

import { ways } from './definition';
import { graphOf } from './graph';
import { audienceWords, dateWords, untilWords, windowWords } from './times';
import { branchWords, entryDetail, entryTitle, kindName, settingsWords, stepDetail, stepTitle } from './words';

test('instants are told in words', () => {
  expect(untilWords({ date: 'customer.renews_on', offset: '-P3D', at: '09:00' })).toBe('3\u00a0days before customer’s renews_on at 09:00');
  expect(untilWords({ date: 'customer.renews_on', offset: 'P1D' })).toBe('1\u00a0day after customer’s renews_on');
  expect(untilWords({ date: 'customer.renews_on' })).toBe('customer’s renews_on');
  expect(untilWords({ at: '09:00' })).toBe('the next 09:00');
  expect(untilWords({ weekday: ['monday', 'thursday'], at: '09:00' })).toBe('the next Monday or Thursday at 09:00');
  expect(untilWords({ weekday: 'monday' })).toBe('the next Monday');
  expect(untilWords({ instant: '2026-05-01T09:00:00+02:00' })).toBe('2026-05-01 09:00 +02:00');
  expect(untilWords({ instant: 'soon' })).toBe('soon');
});

test('windows are told in words', () => {
  expect(windowWords({ weekday: ['monday', 'friday'], from: '09:00', to: '18:00' })).toBe('Monday and Friday from 09:00 to 18:00');
  expect(windowWords({ from: '09:00' })).toBe('daily from 09:00');
  expect(windowWords({ starts_at: '2026-05-01T09:00:00Z', ends_at: '2026-05-02T09:00:00Z' })).toBe('2026-05-01 09:00 UTC to 2026-05-02 09:00 UTC');
});

test('entries on time are told in words', () => {
  expect(dateWords({ of: 'customer.birthday', at: '09:00', every: 'year' })).toBe('Enters on customer’s birthday at 09:00, every year');
  expect(audienceWords({})).toBe('All customers when published');
  expect(audienceWords({ of: 'future' })).toBe('New customers');
  expect(audienceWords({ at: '2026-12-01T09:00', zone: 'customer' })).toBe('All customers at 2026-12-01 09:00, by their own time');
  expect(audienceWords({ every: { weeks: 2, on: ['monday'], at: '09:00' }, after: 3, of: 'future' }))
    .toBe('New customers every 2 weeks on Monday at 09:00, 3 times');
  expect(audienceWords({ every: { months: 1, on: [1, 15], at: '09:00' }, until: '2026-12-31', of: 'present' }))
    .toBe('All customers when published every month on day 1 and 15 at 09:00 until 2026-12-31');
  expect(audienceWords({ every: { days: 1, at: '09:00' } })).toBe('All customers every day at 09:00');
  expect(entryTitle({ date: { of: 'customer.birthday', offset: '-P7D' } })).toBe('Enters 7\u00a0days before customer’s birthday');
  expect(entryDetail({ date: { of: 'customer.birthday', every: 'year' } })).toBe('again any time');
  expect(entryDetail({ audience: { at: '2026-12-01T09:00' } })).toBe('once only');
});

test('the new steps have names, titles and ways', () => {
  const window = { window: { weekday: ['monday'], from: '09:00' }, next: 'a' };
  expect([kindName(window), stepTitle(window)]).toEqual(['Window', 'Go on only Monday from 09:00']);
  const delay = { delay: { until: { date: 'customer.x' }, if_past: 'late' }, next: 'a' };
  expect(stepTitle(delay)).toBe('Hold until customer’s x');
  expect(stepDetail(delay)).toBe('if past: go to late');
  expect(stepDetail({ delay: { until: { date: 'customer.x' }, if_past: 'exit', if_missing: 'hold' }, next: 'a' })).toBe('if past: leave, if missing: wait for one');
  expect(ways(delay)).toEqual([{ branch: 'next', to: 'a' }, { branch: 'past', to: 'late' }]);
  expect(branchWords(delay, 'past')).toBe('the instant is past');
  expect(ways({ ...delay, delay: { ...delay.delay, if_past: 'exit' } })).toEqual([{ branch: 'next', to: 'a' }]);
  const wait = { wait: { branches: [{ event: { name: 'buy' }, next: 'a' }], timeout: { until: { at: '09:00' }, next: 'b' } } };
  expect(stepTitle(wait)).toBe('Wait for buy, up to the next 09:00');
  expect(branchWords(wait, 'timeout')).toBe('nothing until the next 09:00');
  const graph = graphOf({ id: 'j', entry: [], start: 'w', steps: { w: window, a: delay, late: { exit: { outcome: 'late' } } } });
  expect(graph.nodes.map((node) => node.kind)).toEqual(['window', 'delay', 'exit']);
  expect(graph.edges.map((edge) => edge.id)).toEqual(['step:w>next', 'step:a>next', 'step:a>past']);
});

test('settings of time are told in words', () => {
  expect(settingsWords({ quiet_hours: 'none', windows: [{ weekday: 'monday' }, { from: '09:00' }], defer: { caps: true }, defer_at_most: 'P1D', release_spread: 'PT0S' }))
    .toEqual([
      ['Quiet hours', 'none'],
      ['Windows', 'Monday, or daily from 09:00'],
      ['Put off', 'caps'],
      ['Put off at most', '1\u00a0day'],
      ['Releases spread over', '0\u00a0s'],
    ]);
  expect(settingsWords({ defer: false })).toEqual([['Put off', 'nothing']]);
  expect(settingsWords({ defer: true })).toEqual([['Put off', 'quiet hours, windows and caps']]);
});
