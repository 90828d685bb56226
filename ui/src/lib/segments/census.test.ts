import { expect, test } from 'vitest';

import type { Census } from '../api/segments';
import { audienceCondition, censusDoubts, censusWords } from './census';

const found: Census = { id: 7, done: true, lanes: 8, of: 8, looked_at: 100_000, matching: 25_000, failed: 0, unseen: [], sample: [] };

test('a count that is through gives the number and its share', () => {
  expect(censusWords(found)).toBe('25,000 of 100,000 customers (25%)');
  expect(censusWords({ ...found, looked_at: 0, matching: 0 })).toBe('0 of 0 customers');
});

test('a count under way says how far it is', () => {
  expect(censusWords({ ...found, done: false, lanes: 3, looked_at: 300, matching: 75 })).toBe('75 of 300 customers');
});

test('what it leaves out is said', () => {
  expect(censusDoubts(found)).toEqual([]);
  expect(censusDoubts({ ...found, unseen: ['message:opened', 'customer.plan'], failed: 1 })).toEqual([
    'Kept only from a publish on: message opened, customer.plan. Nobody counts as having done that before.',
    '1 customer could not be asked: a value is not what the condition is made for.',
  ]);
});

test('an audience is counted by what it asks of customers alone', () => {
  const where = { 'customer.plan': { equals: 'gold' } };
  expect(audienceCondition({ audience: {}, where })).toEqual(where);
  expect(audienceCondition({ audience: {} })).toBeNull();
  expect(audienceCondition({ event: { name: 'x' }, where })).toBeNull();
  expect(audienceCondition({ audience: { signal: 's' }, where: { any: [{ 'entry.city': { exists: true } }] } })).toBeNull();
  expect(audienceCondition({ audience: { signal: 's' }, where: { event: { name: 'x', keyed: { by: 'k', value: 'entry.k' } } } })).toBeNull();
});
