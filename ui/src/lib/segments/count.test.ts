import { expect, test } from 'vitest';

import type { Condition } from '../journey/definition';
import { Count } from './count.svelte';

const PRO: Condition = { 'customer.plan': { equals: 'pro' } };

/** A count whose parts come when the test says so; what was asked, in order. */
function counting(condition: { now: Condition | null } = { now: PRO }) {
  const asked: { condition: Condition; signal: AbortSignal }[] = [];
  const waiting: { resolve: (part: number | null) => void; reject: (error: Error) => void }[] = [];
  const count = new Count<number>(() => condition.now, async function* (given, signal) {
    asked.push({ condition: given, signal });
    for (;;) {
      const part = await new Promise<number | null>((resolve, reject) => waiting.push({ resolve, reject }));
      if (part === null) return;
      yield part;
    }
  });
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  const tell = async (part: number | null) => {
    waiting.shift()?.resolve(part);
    await settled();
  };
  const fail = async (error: Error) => {
    waiting.shift()?.reject(error);
    await settled();
  };
  return { count, asked, tell, fail };
}

test('each part is shown when it comes, and more are awaited until the last', async () => {
  const { count, asked, tell } = counting();
  const done = count.ask();
  expect([count.found, count.asking]).toEqual([null, true]);
  await tell(1);
  expect([count.found, count.asking]).toEqual([1, true]);
  await tell(2);
  await tell(null);
  await done;
  expect([count.found, count.asking, asked.map((each) => each.condition)]).toEqual([2, false, [PRO]]);
});

test('what was stopped keeps what it had, and hears nothing more', async () => {
  const { count, asked, tell } = counting();
  const done = count.ask();
  await tell(1);
  count.stop();
  expect([count.asking, asked[0]?.signal.aborted]).toEqual([false, true]);
  await tell(2);
  await done;
  expect([count.found, count.failure]).toEqual([1, null]);
});

test('an error is told beside what was found, an error after a stop is not', async () => {
  const { count, tell, fail } = counting();
  const done = count.ask();
  await tell(1);
  await fail(new Error('no answer'));
  await done;
  expect([count.found, count.failure?.message, count.asking]).toEqual([1, 'no answer', false]);
  const again = count.ask();
  expect([count.found, count.failure]).toEqual([null, null]);
  count.stop();
  await fail(new Error('aborted'));
  await again;
  expect(count.failure).toBeNull();
});

test('a count asked for anew is the only one that is heard', async () => {
  const { count, asked, tell } = counting();
  const first = count.ask();
  const second = count.ask();
  await tell(1); // of the first
  await first;
  expect([count.found, count.asking, asked.map((each) => each.signal.aborted)]).toEqual([null, true, [true, false]]);
  await tell(2);
  await tell(null);
  await second;
  expect(count.found).toBe(2);
});

test('a number of another condition than the present one is stale', async () => {
  const condition = { now: PRO as Condition | null };
  const { count, tell } = counting(condition);
  const done = count.ask();
  await tell(1);
  await tell(null);
  await done;
  expect(count.stale).toBe(false);
  condition.now = { 'customer.plan': { equals: 'free' } };
  expect(count.stale).toBe(true);
});

test('without a condition nothing is asked', async () => {
  const { count, asked } = counting({ now: null });
  await count.ask();
  expect([asked, count.asking]).toEqual([[], false]);
});
