import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { offersAt } from './completing';
import { memberAt, placeAt } from './place';
import { aboutAll, formsAt, type Schema } from './schema';

const ROOT = JSON.parse(readFileSync(new URL('../../../../docs/schema/journey.json', import.meta.url), 'utf8')) as Schema;
const NAMES = { templates: ['hello', 'bye'], segments: ['vip'], subscriptions: ['news'], journeys: ['other'] };
const STEPS = `id: a
start: look
steps:
  look: {message: {channel: email, template: hello}, next: done}
  done: {exit: {outcome: greeted}}
`;

/** What is offered where `|` stands. */
function offered(text: string): string[] {
  const at = text.indexOf('|');
  return (offersAt(text.replace('|', ''), at, ROOT, NAMES)?.offers ?? []).map(({ text: written }) => written.trim());
}

describe('members', () => {
  test('of the definition, without those that are there', () => {
    expect(offered(`${STEPS}|`)).toEqual(expect.arrayContaining(['entry:', 'exit:', 'goal:', 'settings:']));
    expect(offered(`${STEPS}|`)).not.toContain('steps:');
    expect(offered(`|\n${STEPS}`)).toContain('entry:');
  });

  test('what is written says which form is meant', () => {
    expect(offered('entry:\n  - |\n')).toEqual(expect.arrayContaining(['event:', 'segment:', 'audience:']));
    expect(offered('entry:\n  - event: {name: x}\n    |\n')).toEqual(['where:', 'reentry:', 'while_active:']);
    expect(offered('steps:\n  a:\n    wait:\n      branches: []\n    |')).not.toContain('message:');
    expect(offered('steps:\n  a: {delay: {|}, next: b}')).toEqual(expect.arrayContaining(['for:', 'until:']));
    expect(offered('steps:\n  a: {message: {channel: email, te|}}')).toContain('template:');
    expect(offered('steps:\n  a: {message: {channel: email, te|}}')).not.toContain('channel:');
    expect(offered('steps:\n  a: {message: {channel: email, te|: hello}}')).toContain('template');
  });

  test('of what follows on the same line stand within braces', () => {
    expect(offered('settings: |\n')).toContain('{quiet_hours: }');
  });

  test('of a condition at any depth', () => {
    expect(offered('exit:\n  - condition: {any: [{none: [{|}]}]}')).toEqual(expect.arrayContaining(['customer.', 'segment:', 'event:']));
    expect(offered('exit:\n  - condition: {customer.age: {|}}')).toContain('at_least:');
  });
});

describe('values', () => {
  test('of the schema', () => {
    expect(offered('steps:\n  a: {message: {channel: |}}')).toEqual(expect.arrayContaining(['email', 'webhook']));
    expect(offered('settings: {class: |}')).toContain('marketing');
    expect(offered('goal: {event: {name: x}, within: P1D, end_on_goal: |}')).toEqual(['true', 'false']);
  });

  test('names of steps, and of what the workspace has', () => {
    expect(offered(STEPS.replace('next: done', 'next: |'))).toEqual(['look', 'done']);
    expect(offered(STEPS.replace('start: look', 'start: l|'))).toEqual(['look', 'done']);
    expect(offered(STEPS.replace('template: hello', 'template: |'))).toEqual(['hello', 'bye']);
    expect(offered('entry:\n  - segment: {id: |}')).toEqual(['vip']);
    expect(offered('exit:\n  - condition: {segment: |}')).toContain('vip');
    expect(offered('steps:\n  a: {update: {add_to: [|]}}')).toEqual(['vip']);
    expect(offered('steps:\n  a: {emit: {enter: |}}')).toEqual(['other']);
    expect(offered('steps:\n  a: {message: {channel: email, subscription: |}}')).toEqual(['news']);
  });

  test('nothing in a comment, nor where names are free', () => {
    expect(offered('# id|\nid: a')).toEqual([]);
    expect(offered('id: |')).toEqual([]);
  });
});

test('a half-written text still has places', () => {
  const path = (text: string) => placeAt(text.replace('|', ''), text.indexOf('|'))?.path;
  expect(path('steps:\n  a: {message: {channel: |')).toEqual(['steps', 'a', 'message', 'channel']);
  expect(path('id: a\nsteps:\n  look:\n    |\n  done: {exit: {outcome: x}}\n')).toEqual(['steps', 'look']);
});

test('what a member is about', () => {
  const at = STEPS.indexOf('channel') + 2;
  const found = memberAt(STEPS, at);
  expect(found?.path).toEqual(['steps', 'look', 'message', 'channel']);
  expect(STEPS.slice(found?.span.from, found?.span.to)).toBe('channel');
  expect(aboutAll(ROOT, formsAt(ROOT, found?.path ?? [], found?.whole))).toContain('one of email');
  const step = memberAt(STEPS, STEPS.indexOf('message') + 1);
  expect(aboutAll(ROOT, formsAt(ROOT, step?.path ?? [], step?.whole))).toMatch(/^sends a message, made from a template; with channel, template/);
  const value = memberAt('exit:\n  - leaves: vip', 18);
  expect(value?.path).toEqual(['exit', '0', 'leaves']);
});
