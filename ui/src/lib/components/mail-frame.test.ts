import { expect, test } from 'vitest';

import { framed } from './mail-frame';

test('the policy that forbids everything stands before the first byte of the mail', () => {
  const document = framed('<script>steal()</script>');
  expect(document.indexOf("default-src 'none'")).toBeGreaterThan(0);
  expect(document.indexOf("default-src 'none'")).toBeLessThan(document.indexOf('<script>'));
});
