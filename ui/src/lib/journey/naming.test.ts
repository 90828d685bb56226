import { expect, test } from 'vitest';

import type { Step } from './definition';
import { IDS, placesOf, stepWords, templateOf, type Names } from './naming';

const STEPS: Record<string, Step> = {
  hello: { message: { channel: 'email', template: 'welcome' } },
  wait: { delay: { for: 'P2D' } },
  done: { exit: { outcome: 'bought' } },
  newer: { next: 'done' },
};
const names: Names = { ...IDS, step: ({ journey, version }, id) => (journey === 'j' && version === 2 ? (STEPS[id] ?? null) : null) };
const here = { journey: 'j', version: 2 };

test('a step is called by what it does', () => {
  expect(['hello', 'wait', 'done'].map((id) => stepWords(names, here, id))).toEqual(['Send an email: welcome', 'Hold for 2\u00a0days', 'End: bought']);
});

test('a step that is not known, or of a kind that is not, keeps its id', () => {
  expect(['gone', 'newer'].map((id) => stepWords(names, here, id))).toEqual(['gone', 'newer']);
  expect([stepWords(names, { journey: 'j', version: 1 }, 'hello'), stepWords(IDS, here, 'hello')]).toEqual(['hello', 'hello']);
});

test('only messages have a template', () => {
  expect(['hello', 'wait', 'gone'].map((id) => templateOf(names, here, id))).toEqual(['welcome', null, null]);
});

test('versions that are spoken of are found once, with those that runs came from', () => {
  const decisions = [{ ...here }, { ...here }, {}, { journey: 'j' }, { journey: 'k', version: 3, data: { of: 1 } }, { ...here, data: { of: 'hello' } }];
  expect(placesOf(decisions, [{ journey: 'l', version: 1 }, here])).toEqual([
    here, { journey: 'k', version: 3 }, { journey: 'k', version: 1 }, { journey: 'l', version: 1 },
  ]);
});
