import { expect, test } from 'vitest';

import { ApiError, parseProblem, Unreachable } from '../api/problems';
import { done, refusal } from './merge';

test('why two customers were not merged stands above what the API says', () => {
  const answer = (status: number) => refusal(new ApiError(parseProblem(status, '')));
  expect(answer(404)).toBe('There is no such customer');
  expect(answer(409)).toBe('Customers cannot be merged yet');
  expect([answer(422), refusal(new Unreachable())]).toEqual(['', '']);
});

test('what was done says who goes on, or that they were one', () => {
  expect(done('visitor-7', { id: 'ann', merged: true })).toBe('visitor-7 goes on as ann.');
  expect(done('visitor-7', { id: 'ann', merged: false })).toBe('visitor-7 and ann were one customer already.');
  expect(done('ann', { id: 'ann', merged: false })).toBe('That is another id of ann.');
});
