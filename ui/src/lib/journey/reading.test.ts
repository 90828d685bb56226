import { expect, test } from 'vitest';

import type { Definition } from './definition';
import { readable } from './reading';

test('a definition is shown in the order in which one reads it, and whole', () => {
  const stored = {
    id: 'cart', exit: [{ outcome: 'bought', event: { name: 'order' } }], name: 'Cart', entry: [{ event: { name: 'cart' } }], newer: 1, start: 'hour',
    steps: {
      done: { exit: { outcome: 'reminded' } },
      hour: { next: 'mail', delay: { for: 'PT1H' } },
      mail: { next: 'done', message: { channel: 'email', template: 'cart' } },
      unreached: { exit: { outcome: 'x' } },
    },
    settings: { priority: 4 },
  } as unknown as Definition;
  const shown = readable(stored);
  expect(shown).toEqual(stored);
  expect(Object.keys(shown)).toEqual(['id', 'name', 'entry', 'exit', 'settings', 'start', 'newer', 'steps']);
  expect(Object.keys(shown.steps)).toEqual(['hour', 'mail', 'done', 'unreached']);
  expect(Object.keys(shown.steps.mail ?? {})).toEqual(['message', 'next']);
});
