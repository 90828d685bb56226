import { expect, test } from 'vitest';

import { ApiError, parseProblem, Unreachable } from '../api/problems';
import { erasureRefused, isTyped } from './erase';

test('only the whole id confirms, whatever a paste brings around it', () => {
  expect(['ann', ' ann\t'].map((typed) => isTyped(typed, 'ann'))).toEqual([true, true]);
  expect(['', 'an', 'Ann', 'ann b', 'anna'].map((typed) => isTyped(typed, 'ann'))).toEqual([false, false, false, false, false]);
  expect(isTyped(' ', ' ')).toBe(true); // an id may be a space
  expect(isTyped('', ' ')).toBe(false);
});

test('a customer who is not there any more is said to be gone', () => {
  expect(erasureRefused(new ApiError(parseProblem(404, '')))).toBe('This customer is gone already');
  expect([erasureRefused(new ApiError(parseProblem(503, ''))), erasureRefused(new Unreachable())]).toEqual(['', '']);
});
