import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { meaning, REASONS } from './reasons';

const SOURCE = new URL('../../../../laudstream/journey/reasons.py', import.meta.url);

test('the screens know every reason of the core, with the same meaning (else: npm run reasons)', () => {
  const lines = readFileSync(SOURCE, 'utf8').matchAll(/^ {4}[A-Z_]+ = "([a-z_]+)", "([^"]+)"/gm);
  expect(REASONS).toEqual(Object.fromEntries([...lines].map(([, word, text]) => [word, text])));
});

test('an unknown reason is shown as it is', () => {
  expect(meaning('far_too_deep')).toBe('far too deep');
});
