import { expect, test } from 'vitest';

import { tokenOf } from './token';

test('the token is taken out of the hash', () => {
  expect(tokenOf('#token=ls_abc')).toEqual({ token: 'ls_abc', rest: '' });
  expect(tokenOf('#token=ls_abc&x=1')).toEqual({ token: 'ls_abc', rest: '#x=1' });
});

test('a hash without a token is left alone', () => {
  expect(tokenOf('')).toBeNull();
  expect(tokenOf('#main')).toBeNull();
  expect(tokenOf('#token=')).toBeNull();
});
