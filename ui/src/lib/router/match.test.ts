import { expect, test } from 'vitest';

import { changed, match, path, type Table } from './match';

const TABLE: Table<string> = [
  ['/', 'home'],
  ['/customers', 'list'],
  ['/customers/:id', 'one'],
];

test('a path meets the first pattern of its shape', () => {
  expect(match(TABLE, '/')?.screen).toBe('home');
  expect(match(TABLE, '/customers/')?.screen).toBe('list');
  expect(match(TABLE, '/customers/17')).toEqual({ screen: 'one', params: { id: '17' } });
});

test('an unknown path meets nothing', () => {
  expect(match(TABLE, '/customers/17/more')).toBeNull();
  expect(match(TABLE, '/nothing')).toBeNull();
});

test('an id with a slash and spaces comes back as it went in', () => {
  const id = 'shop/ä b@example.com?#';
  expect(match(TABLE, path('customers', id))?.params).toEqual({ id });
});

test('a broken escape is no page', () => {
  expect(match(TABLE, '/customers/%E0%A4%A')).toBeNull();
});

test('changing a parameter keeps the others, and an empty value takes it away', () => {
  expect(changed('?status=sent&journey=a', { status: '' })).toBe('?journey=a');
  expect(changed('', { query: 'ann b' })).toBe('?query=ann+b');
  expect(changed('?a=1', { a: '' })).toBe('');
});
