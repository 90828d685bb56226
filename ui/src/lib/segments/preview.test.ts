import { expect, test } from 'vitest';

import type { Preview } from '../api/segments';
import { openWords, previewWords } from './preview';

const found: Preview = { customers: 100_000, looked_at: 5_000, matching: 1_250, open: 0, low: 23_900, high: 26_200, unknown: [], sample: [], next: 'x' };

test('a preview that goes on says between what the count lies', () => {
  expect(previewWords(found)).toBe('Between 23,900 and 26,200 of 100,000 customers');
});

test('a preview that is through gives the number and its share', () => {
  expect(previewWords({ ...found, looked_at: 100_000, matching: 25_000, low: 25_000, high: 25_000, next: null })).toBe('25,000 of 100,000 customers (25%)');
  expect(previewWords({ ...found, customers: 0, looked_at: 0, matching: 0, low: 0, high: 0, next: null })).toBe('0 of 0 customers');
});

test('what only lanes know leaves a range, and is named', () => {
  const open = { ...found, matching: 0, open: 750, low: 0, high: 750, next: null, unknown: ['event:order'] };
  expect(previewWords(open)).toBe('0 to 750 of 100,000 customers');
  expect(openWords(open)).toBe('Only the lanes know about event order: count exactly to ask them.');
  expect(openWords(found)).toBe('');
});
