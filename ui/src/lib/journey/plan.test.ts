import { expect, test } from 'vitest';

import { goingWords, shareOf, totalWords } from './plan';

const cell = { version: 2, step: 'look', to: 'again', parked: false, people: 3, runs: 4 };

test('people move, end or stay', () => {
  expect(goingWords(cell)).toBe('go to again');
  expect(goingWords({ ...cell, to: 'exit' })).toBe('end as migrated');
  expect(goingWords({ ...cell, to: 'stay' })).toBe('stay on version 2');
  expect(goingWords({ ...cell, parked: true })).toBe('stay: an error holds them');
});

test('the total counts runs, and the parked among those that stay', () => {
  expect(totalWords([cell, { ...cell, to: 'exit', runs: 1 }, { ...cell, to: 'stay' }, { ...cell, parked: true }])).toBe('4 runs move, 1 end, 8 stay.');
  expect(totalWords([{ ...cell, runs: 1 }])).toBe('1 run moves, 0 end, 0 stay.');
  expect(totalWords([])).toBe('Nobody is in it now.');
});

test('a share lies between nothing and all', () => {
  expect(shareOf(' 12,5 ')).toBe(12.5);
  for (const text of ['', '0', '100', 'ten', '-1']) expect(shareOf(text)).toBe(null);
});
