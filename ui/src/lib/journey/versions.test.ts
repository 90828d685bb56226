import { expect, test } from 'vitest';

import type { VersionLine } from '../api/journeys';
import { moveWords, originWords, stateWords, stepsOf, worth } from './versions';

const line = (given: Partial<VersionLine>): VersionLine =>
  ({ version: 1, published_at: null, state: 'past', share: null, runs: 0, restored_from: null, migrates: false, ...given });

test('a version says what it takes and where it came from', () => {
  expect(stateWords(line({ state: 'live' }))).toBe('takes those who enter');
  expect(stateWords(line({ state: 'trial', share: 12.5 }))).toBe('on trial, 12.5 % of those who enter');
  expect(originWords(line({ restored_from: 3, migrates: true }))).toBe('as version 3 · with a map');
  expect(originWords(line({}))).toBe('');
});

test('only a trial is promoted or withdrawn, and only a past version restored', () => {
  expect((['live', 'trial', 'past'] as const).map((state) => stepsOf(line({ state })))).toEqual([[], ['promote', 'withdraw'], ['restore']]);
});

test('old versions without people are left out until they are asked for', () => {
  const lines = Array.from({ length: 9 }, (_, index) => line({ version: 9 - index, runs: index === 8 ? 2 : 0 }));
  expect(worth(lines, false).map((each) => each.version)).toEqual([9, 8, 7, 6, 5, 1]);
  expect(worth(lines, true)).toHaveLength(9);
});

test('a map is told in words', () => {
  expect(['exit', 'stay', 'look'].map(moveWords)).toEqual(['end as migrated', 'stay on their version', 'look']);
});
