import { expect, test } from 'vitest';

import { prettyJson, readJson } from './json';

test('JSON stands in one line where it fits, and reads back as it was', () => {
  expect(prettyJson({ 'customer.country': { in: ['at', 'ch'] } })).toBe('{"customer.country": {"in": ["at", "ch"]}}');
  const long = { any: [{ 'customer.country': { in: ['at', 'ch', 'de'] } }, { segment: 'travellers' }], note: 'a [b] { c }\nd' };
  expect(prettyJson(long)).toBe(
    '{\n  "any": [\n    {"customer.country": {"in": ["at", "ch", "de"]}},\n    {"segment": "travellers"}\n  ],\n  "note": "a [b] { c }\\nd"\n}',
  );
  for (const value of [long, [], {}, null, 1.5, [' [ ', '{ x }', '"'], { a: [[1, 2], []] }]) expect(JSON.parse(prettyJson(value))).toEqual(value);
});

test('text that is no JSON is told at its place', () => {
  expect(readJson('[1]', '/caps')).toEqual({ value: [1], problems: [] });
  expect(readJson(' ', '/caps').problems).toEqual([{ pointer: '/caps', message: 'nothing is written here' }]);
  expect(readJson('{', '/caps').problems[0]?.message).toMatch(/^this is no JSON: /);
});
