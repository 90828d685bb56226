import { expect, test } from 'vitest';

import { ago, bytes, count, date, duration, moment, plural, share, short, span } from './format';

test('numbers are grouped, and shortened only where they are long', () => {
  expect(count(23570)).toBe('23,570');
  expect(short(9999)).toBe('9,999');
  expect(short(23570)).toBe('23.6K');
  expect(share(1, 8)).toBe('12.5%');
  expect(share(1, 0)).toBe('');
  expect([share(0, 9), share(3, 412_345), share(412_342, 412_345), share(9, 9)]).toEqual(['0%', '<0.1%', '>99.9%', '100%']);
  expect(plural(1, 'customer')).toBe('1 customer');
  expect(plural(0, 'entry', 'entries')).toBe('0 entries');
  expect(bytes(999)).toBe('999 B');
  expect(bytes(2048)).toBe('2.0 kB');
});

test('time that passed gets coarser as it grows', () => {
  const now = Date.UTC(2025, 10, 24, 12);
  expect(ago(now - 500, now)).toBe('just now');
  expect(ago(now - 59_000, now)).toBe('59 s ago');
  expect(ago(now - 3_599_000, now)).toBe('59 min ago');
  expect(ago(now - 86_399_000, now)).toBe('23 h ago');
  expect(ago(now - 86_400_000, now)).toBe('1 day ago');
  expect(ago(now - 20 * 86_400_000, now)).toBe('4 Nov');
  expect(ago(now + 1000, now)).toBe('just now');
  expect(date(Date.UTC(2024, 0, 2), now)).toBe('2 Jan 2024');
  expect(moment(now)).toBe('24 Nov 2025, 12:00:00');
});

test('spans name their two largest units', () => {
  expect(span(340)).toBe('340 ms');
  expect(span(20_000)).toBe('20 s');
  expect(span(185_000)).toBe('3 min 5 s');
  expect(span(2 * 86_400_000 + 4 * 3_600_000 + 60_000)).toBe('2 d 4 h');
});

test('ISO durations become words', () => {
  expect(duration('PT20S')).toBe('20\u00a0s');
  expect(duration('PT1H')).toBe('1\u00a0h');
  expect(duration('P1DT12H')).toBe('1\u00a0day\u00a012\u00a0h');
  expect(duration('P1M')).toBe('1\u00a0month');
  expect(duration('PT1M')).toBe('1\u00a0min');
  expect(duration('P3D')).toBe('3\u00a0days');
  expect(duration('soon')).toBe('soon');
});
