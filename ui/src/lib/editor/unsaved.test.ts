import { expect, test } from 'vitest';

import { forget, keep, kept, type Store } from './unsaved';

function store(): Store & { all: Map<string, string> } {
  const all = new Map<string, string>();
  return { all, getItem: (key) => all.get(key) ?? null, setItem: (key, value) => void all.set(key, value), removeItem: (key) => void all.delete(key) };
}

test('each journey has its own text, and so has a new one', () => {
  const here = store();
  expect(keep('a', { text: 'one', begun: '', at: 1 }, here)).toBe(true);
  keep(null, { text: 'two', begun: '', at: 2 }, here);
  expect([kept('a', here)?.text, kept(null, here)?.text, kept('b', here)]).toEqual(['one', 'two', null]);
  forget('a', here);
  expect([kept('a', here), kept(null, here)?.text]).toEqual([null, 'two']);
});

test('a full or forbidden store, or what somebody else wrote there, stops nothing', () => {
  const no = () => { throw new Error('no room'); };
  const closed: Store = { getItem: no, setItem: no, removeItem: no };
  expect(keep('a', { text: '', begun: '', at: 1 }, closed)).toBe(false);
  forget('a', closed);
  expect(kept('a', closed)).toBeNull();
  const strange = store();
  for (const value of ['{', '[]', '"x"', '{"text": 1}']) {
    strange.all.set('laudstream.unsaved/a', value);
    expect(kept('a', strange)).toBeNull();
  }
});
