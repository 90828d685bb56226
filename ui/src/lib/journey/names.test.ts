import { expect, test } from 'vitest';

import type { Definition, Step } from './definition';
import { KnownNames } from './names.svelte';

const HELLO: Step = { message: { channel: 'email', template: 'welcome' } };
const body = (steps: Record<string, Step>): Definition => ({ id: 'j', entry: [], start: 'hello', steps });

/** Names of a source that answers what is given; what it was asked, in order. */
function known(failing = new Set<string>()) {
  const asked: string[] = [];
  const answer = async <T>(what: string, value: T): Promise<T> => {
    asked.push(what);
    if (failing.has(what)) throw new Error(what);
    return Promise.resolve(value);
  };
  const names = new KnownNames({
    journeys: () => answer('journeys', [{ id: 'j', name: 'Welcome' }]),
    segments: () => answer('segments', [{ id: 'vip', name: 'Good customers' }]),
    version: (journey, version) => answer(`${journey}@${version}`, body(version === 2 ? { hello: HELLO } : {})),
  });
  return { names, asked, failing };
}

test('names are ids until they are known', async () => {
  const { names } = known();
  expect([names.journey('j'), names.segment('vip'), names.step({ journey: 'j', version: 2 }, 'hello'), names.settled]).toEqual(['j', 'vip', null, false]);
  await names.know([{ journey: 'j', version: 2 }]);
  expect([names.journey('j'), names.segment('vip'), names.settled]).toEqual(['Welcome', 'Good customers', true]);
  expect(names.step({ journey: 'j', version: 2 }, 'hello')).toEqual(HELLO);
  expect([names.journey('k'), names.step({ journey: 'j', version: 1 }, 'hello'), names.step({ journey: 'j', version: 2 }, 'gone')]).toEqual(['k', null, null]);
});

test('each is asked for once, however often it is needed', async () => {
  const { names, asked } = known();
  await Promise.all([names.know([{ journey: 'j', version: 2 }]), names.know([{ journey: 'j', version: 2 }])]);
  await names.know([{ journey: 'j', version: 2 }, { journey: 'j', version: 1 }, {}]);
  expect(asked).toEqual(['journeys', 'segments', 'j@2', 'j@1']);
});

test('it is not settled before what was asked for first has come', async () => {
  let tell: (found: { id: string; name: string }[]) => void = () => undefined;
  const nothing = () => Promise.resolve([]);
  const names = new KnownNames({ journeys: () => new Promise((resolve) => (tell = resolve)), segments: nothing, version: () => Promise.resolve(body({})) });
  const first = names.know([]);
  const second = names.know([]);
  await new Promise((resolve) => setTimeout(resolve));
  expect(names.settled).toBe(false);
  tell([]);
  await Promise.all([first, second]);
  expect(names.settled).toBe(true);
});

test('what cannot be had leaves ids, and is asked for again', async () => {
  const { names, asked, failing } = known(new Set(['journeys', 'j@2']));
  await names.know([{ journey: 'j', version: 2 }]);
  expect([names.journey('j'), names.segment('vip'), names.step({ journey: 'j', version: 2 }, 'hello'), names.settled]).toEqual(['j', 'Good customers', null, true]);
  failing.clear();
  await names.know([{ journey: 'j', version: 2 }]);
  expect([names.journey('j'), names.step({ journey: 'j', version: 2 }, 'hello')]).toEqual(['Welcome', HELLO]);
  expect(asked).toEqual(['journeys', 'segments', 'j@2', 'journeys', 'j@2']);
});
