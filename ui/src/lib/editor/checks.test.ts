import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Checks, REST_MS, type Answer, type Body } from './checks.svelte';

const NONE: Answer = { problems: [], doubts: [] };

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

/** Answers that come when they are told to. */
function source(own: { pointer: string; message: string }[] = []) {
  const asked: { body: Body; thorough: boolean; signal: AbortSignal; answer: (answer: Answer) => void; fail: (error: Error) => void }[] = [];
  const ask = (body: Body, thorough: boolean, signal: AbortSignal) =>
    new Promise<Answer>((answer, fail) => asked.push({ body, thorough, signal, answer, fail }));
  return { asked, checks: new Checks({ ask, own: () => own }) };
}

test('while somebody types nothing is asked, then once about the last text', async () => {
  const { asked, checks } = source();
  for (const text of ['id: a', 'id: ab', 'id: abc']) {
    checks.later(text);
    vi.advanceTimersByTime(REST_MS - 1);
  }
  expect(asked).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(asked.map(({ body }) => body)).toEqual([{ id: 'abc' }]);
});

test('an answer about an older text says nothing about a newer one', async () => {
  const { asked, checks } = source();
  const old = checks.now('id: a');
  const now = checks.now('id: b\nsteps: {}', true);
  expect(asked[0]?.signal.aborted).toBe(true);
  asked[1]?.answer({ problems: [{ pointer: '/steps', message: 'write one' }], doubts: [] });
  asked[0]?.answer(NONE);
  expect([await old, await now]).toEqual([null, null]);
  expect(checks.problems).toMatchObject([{ pointer: '/steps', message: 'write one', line: 2 }]);
  expect(asked[1]?.thorough).toBe(true);
});

test('what is no YAML is not asked about, what this screen knows is a problem too, and only what is right is given', async () => {
  const { asked, checks } = source();
  expect(await checks.now('id: [')).toBeNull();
  expect([asked.length, checks.problems.length, checks.state]).toEqual([0, 1, 'done']);
  const right = checks.now('kind: journey\nid: a');
  asked[0]?.answer({ problems: [], doubts: [{ pointer: '/id', message: 'sure?' }] });
  expect(await right).toEqual({ id: 'a' });
  expect(checks.doubts).toMatchObject([{ line: 2 }]);
  const other = source([{ pointer: '/id', message: 'another id' }]);
  const wrong = other.checks.now('id: a');
  other.asked[0]?.answer(NONE);
  expect(await wrong).toBeNull();
});

test('where nobody answers, what was found before stands', async () => {
  const { asked, checks } = source();
  void checks.now('id: [');
  const failed = checks.now('id: a');
  asked[0]?.fail(new Error('away'));
  expect(await failed).toBeNull();
  expect([checks.failure?.message, checks.problems.length]).toEqual(['away', 1]);
});
