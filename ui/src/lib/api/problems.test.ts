import { expect, test } from 'vitest';

import { address } from './client';
import { ApiError, below, elsewhere, parseProblem, place } from './problems';

test('problem+json gives title, detail and places with their fixes', () => {
  const body = JSON.stringify({
    type: 'about:blank', title: 'Not valid', status: 422, detail: 'the definition is wrong',
    problems: [{ pointer: '/steps/a/next', message: 'leads nowhere', fix: 'use one of: b' }, { pointer: '', message: 'odd' }],
  });
  const found = parseProblem(422, body);
  expect(found.problems).toEqual([
    { pointer: '/steps/a/next', message: 'leads nowhere', fix: 'use one of: b' },
    { pointer: '', message: 'odd' },
  ]);
  expect(new ApiError(found).message).toBe('the definition is wrong');
});

test('an answer that is no problem+json is still an error with a title', () => {
  expect(parseProblem(502, '<html>Bad gateway</html>')).toEqual({ title: 'laudstream does not answer', status: 502, detail: '', problems: [] });
  expect(parseProblem(418, 'null').title).toBe('Error 418');
  expect(parseProblem(422, '{"problems": [1, null, {"pointer": 3, "message": "m"}]}').problems).toEqual([{ pointer: '', message: 'm' }]);
});

test('a JSON pointer is read as a place', () => {
  expect(place('/steps/a~1b/m~0n/0')).toBe('steps › a/b › m~n › 0');
  expect(place('')).toBe('');
});

test('addresses encode their parts and drop empty parameters', () => {
  expect(address(['customers', 'a/b?', 'timeline'], { before: null, limit: 50, query: '' })).toBe('/api/customers/a%2Fb%3F/timeline?limit=50');
  expect(address(['journeys'])).toBe('/api/journeys');
});

test('a form shows each problem at its field, and the rest above', () => {
  const problems = ['/condition/any/0', '/conditions', '/id', ''].map((pointer) => ({ pointer, message: 'wrong' }));
  expect(below(problems, '/condition').map((each) => each.pointer)).toEqual(['/condition/any/0']);
  expect(elsewhere(problems, ['/id', '/condition']).map((each) => each.pointer)).toEqual(['/conditions', '']);
});
