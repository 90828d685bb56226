import { expect, test } from 'vitest';

import { publishedWords } from '../api/definitions';
import { membersWords } from './answer';
import { bodyOf, draftOf, EXAMPLE, idsOf, kindOf } from './form';

test('a segment comes out of its form as it went in', () => {
  const regulars = { id: 'regulars', name: 'Regular buyers', condition: { 'customer.plan': { equals: 'pro' } } };
  expect(bodyOf(draftOf(regulars))).toEqual({ body: regulars, problems: [] });
  const testers = { id: 'testers', manual: true as const };
  expect(bodyOf(draftOf(testers))).toEqual({ body: testers, problems: [] });
  expect([kindOf(regulars), kindOf(testers)]).toEqual(['dynamic', 'manual']);
  expect(JSON.parse(draftOf(null).condition)).toEqual(EXAMPLE);
});

test('what is not there or no JSON is told at its place', () => {
  const empty = bodyOf({ ...draftOf(null), condition: '' });
  expect(empty.problems.map(({ pointer }) => pointer)).toEqual(['/id', '/condition']);
  const broken = bodyOf({ ...draftOf(null), id: 'a', condition: '{"x":' });
  expect(broken.problems[0]?.message).toMatch(/^this is no JSON: /);
  expect(bodyOf({ ...draftOf(null), kind: 'manual', condition: '{' }).problems).toEqual([{ pointer: '/id', message: 'a segment needs an id' }]);
});

test('ids are one a line, each once, as they are', () => {
  expect(idsOf(' ann\r\nb, c\n\nann\nshop/1 ')).toEqual(['ann', 'b, c', 'shop/1']);
});

test('the answer to a change of members says what became of each', () => {
  expect(membersWords({ added: 2, removed: 0, unknown: ['x'] }, 4, 'add')).toBe('2 customers added, 1 was in it already.');
  expect(membersWords({ added: 0, removed: 1, unknown: [] }, 3, 'remove')).toBe('1 customer taken out, 2 were not in it.');
  expect(membersWords({ added: 1, removed: 0, unknown: [] }, 1, 'add')).toBe('1 customer added.');
  expect(membersWords({ added: 0, removed: 0, unknown: ['x', 'y'] }, 2, 'add')).toBe('');
});

test('a publish is told in a sentence', () => {
  const published = { id: 'a', version: 2, status: 'live' as const, seen: true, changed: true, problem: null };
  expect(publishedWords(published)).toBe('Version 2 is live.');
  expect(publishedWords({ ...published, seen: false })).toBe('Version 2 is published; not every lane has it yet.');
  expect(publishedWords({ ...published, changed: false })).toBe('Nothing changed: version 2 says the same.');
});
