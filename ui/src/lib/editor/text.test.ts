import { readFileSync, readdirSync } from 'node:fs';
import { parse as plain } from 'yaml';
import { describe, expect, test } from 'vitest';

import type { Definition } from '../journey/definition';
import { readable } from '../journey/reading';
import { placed, read, written } from './text';

const TEXT = `# hello
id: welcome
entry:
  - event: {name: signed_up}
    where: {a/b: {equals: 1}}
  - api: {}
steps:
  hello: {message: {channel: email, template: gone}, next: nowhere}
  done:
    exit:
      outcome: greeted
`;

/** What is marked, and in which line. */
function at(pointer: string): [string, number] {
  const [mark] = placed(TEXT, [{ pointer, message: '' }]);
  return mark === undefined ? ['', 0] : [TEXT.slice(mark.from, mark.to), mark.line];
}

describe('a pointer leads to its place', () => {
  test.each([
    ['/steps/hello/next', 'nowhere', 8],
    ['/steps/hello/message/template', 'gone', 8],
    ['/steps/hello', 'hello', 8],
    ['/steps/done/exit/outcome', 'greeted', 11],
    ['/entry/0/event/name', 'signed_up', 4],
    ['/entry/1', 'api', 6],
    ['/entry/0/where/a~1b/equals', '1', 5],
  ])('%s', (pointer, text, line) => expect(at(pointer)).toEqual([text, line]));

  test('what is not there is shown where it is missing', () => {
    expect(at('/steps/done/exit/more/deeper')).toEqual(['exit', 10]);
    expect(at('/steps/nobody')).toEqual(['steps', 7]);
    expect(at('/entry/7')).toEqual(['entry', 3]);
    expect(at('/start')).toEqual(['', 1]);
    expect(at('')).toEqual(['', 1]);
  });
});

describe('reading', () => {
  test('as YAML 1.2: what looks like text is text, and a file says its kind', () => {
    expect(read('kind: journey\non: no\nat: 21:00\nday: 2026-01-01\nsure: true').body).toEqual({ on: 'no', at: '21:00', day: '2026-01-01', sure: true });
    expect(read('kind: segment').body).toEqual({ kind: 'segment' });
  });

  test.each([
    ['a: 1\na: 2', 'Map keys must be unique', 2],
    ['a: [1, 2', 'Flow sequence in block collection must be sufficiently indented and end with a ]', 1],
    ['- a', 'a definition is a mapping', 1],
    ['', 'a definition is a mapping', 1],
  ])('%j is refused with its line', (text, message, line) => {
    const { body, problems } = read(text);
    expect(body).toBeNull();
    expect(problems[0]).toMatchObject({ message, line });
  });
});

const JOURNEYS = new URL('../../../../local-env/journeys/', import.meta.url);

describe('writing', () => {
  test.each(readdirSync(JOURNEYS))('%s comes back as it was, in order', (name) => {
    const given = plain(readFileSync(new URL(name, JOURNEYS), 'utf8')) as Definition;
    const text = written(readable(given));
    expect(read(text)).toEqual({ body: given, problems: [] });
    expect(Object.keys(plain(text) as object)[0]).toBe('id');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(140);
  });

  test('lists and steps go line by line, the rest as it fits', () => {
    const definition = { id: 'a', entry: [{ event: { name: 'x' } }], start: 'b', steps: { b: { exit: { outcome: 'done' } } } };
    expect(written(definition)).toBe(`id: a
entry:
  - {event: {name: x}}
start: b
steps:
  b: {exit: {outcome: done}}
`);
  });
});
