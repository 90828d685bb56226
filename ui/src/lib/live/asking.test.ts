import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ApiError, parseProblem, Unreachable } from '../api/problems';
import { keepAsking } from './asking';

/** All of the page that is looked at here: whether it is hidden, and that this changes. */
const page = Object.assign(new EventTarget(), { hidden: false });

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', page);
});
afterEach(() => {
  page.hidden = false;
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Asks for what answers are given one by one, the last one for ever; what was heard, in order. */
function asked(...answers: (string | Error)[]) {
  const heard: string[] = [];
  const ask = vi.fn(async () => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return Promise.resolve(answer);
  });
  const asking = keepAsking(ask, { value: (value) => heard.push(String(value)), error: (error) => heard.push(error.message) });
  return { asking, ask, heard };
}

const problem = (status: number) => new ApiError(parseProblem(status, ''));

test('a value is asked for again every 2 s, after an error 4 s later', async () => {
  const { ask, heard } = asked('a', new Unreachable(), problem(503), 'b');
  await vi.advanceTimersByTimeAsync(1999);
  expect(heard).toEqual(['a']);
  await vi.advanceTimersByTimeAsync(1 + 4000 + 4000);
  expect(heard).toEqual(['a', 'laudstream does not answer', 'Try again in a moment', 'b']);
  expect(ask).toHaveBeenCalledTimes(4);
});

test('what does not exist is not asked for again, not even when the page is looked at anew', async () => {
  const { asking, ask, heard } = asked(problem(404), 'made since');
  await vi.advanceTimersByTimeAsync(600_000);
  page.dispatchEvent(new Event('visibilitychange'));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(ask).toHaveBeenCalledTimes(1);
  expect(heard).toEqual(['Not found']);
  asking.again();
  await vi.advanceTimersByTimeAsync(2000);
  expect(heard).toEqual(['Not found', 'made since', 'made since']);
});

test('nothing is asked while nobody looks, and at once when somebody does', async () => {
  const { ask } = asked('a');
  await vi.advanceTimersByTimeAsync(0);
  page.hidden = true;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ask).toHaveBeenCalledTimes(1);
  page.hidden = false;
  page.dispatchEvent(new Event('visibilitychange'));
  await vi.advanceTimersByTimeAsync(0);
  expect(ask).toHaveBeenCalledTimes(2);
});

test('what was stopped hears nothing more', async () => {
  const { asking, ask, heard } = asked('a');
  asking.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([ask.mock.calls.length, heard]).toEqual([1, []]);
});
