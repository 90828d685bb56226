import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import type { Step } from './definition';
import type { Names } from './naming';
import { lookedAt } from './seen';
import { byDay, isTold, ordered, told, type Decision } from './timeline';

const AT = Date.UTC(2025, 10, 24, 6, 37, 12);
const decision = (given: Partial<Decision>): Decision => ({ id: '1', kind: 'moved', workspace: 'w', customer: 'c', at: AT, clock: AT, ...given });
const line = (given: Partial<Decision>) => {
  const { title, why } = told(decision(given));
  return why === '' ? title : `${title} — ${why}`;
};

test('each kind of decision is told in a sentence', () => {
  expect(line({ kind: 'entered', to: 'welcome', data: { event: 'purchase' } })).toBe('Entered, first step: welcome — purchase arrived');
  expect(line({ kind: 'not_entered', reason: 'already_in' })).toBe('Did not enter — a run of this journey, with this key, is still active');
  expect(line({ step: 'second', to: 'thanks', branch: 'purchase', data: { event: 'purchase' } })).toBe('second → thanks — purchase arrived');
  expect(line({ step: 'second', to: 'win-back', branch: 'timeout' })).toBe('second → win-back — nothing came in time');
  expect(line({ step: 'offer', to: 'second', branch: 'plain', data: { experiment: 'j/offer' } })).toBe('offer → second — arm plain of experiment j/offer');
  expect(line({ kind: 'message', data: { template: 'welcome', send_id: 'x' } })).toBe('Message welcome requested');
  expect(line({ kind: 'message', reason: 'no_address', data: { template: 'welcome' } }))
    .toBe('Message welcome refused — the customer has no address for this channel');
  expect(line({ kind: 'message', reason: 'quiet_hours', data: { template: 'welcome', deferred_until: AT } }))
    .toBe('Message welcome put off — it is quiet time for the customer; asked again at 24 Nov 2025, 06:37:12');
  expect(line({ kind: 'delivery', step: 'welcome', data: { kind: 'sent' } })).toBe('Delivery at welcome: sent');
  expect(line({ kind: 'ended', outcome: 'bought' })).toBe('Ended as bought');
  expect(line({ kind: 'ended', reason: 'stopped' })).toBe('Ended without an outcome — the journey was stopped');
  expect(line({ kind: 'failed', step: 'second', data: { error: 'KeyError: x' } })).toBe('Parked by an error at “second” — KeyError: x');
  const migrated = { kind: 'migrated', step: 'look', to: 'again', version: 2, data: { of: 1, migration: 1 } };
  expect(line(migrated)).toBe('look → again — from version 1 to version 2');
  expect(lookedAt(decision(migrated))).toEqual([]);
  expect(line({ ...migrated, data: { of: 1, migration: 1, deferred: 'look' } })).toContain('the message that was put off ended');
  expect(line({ kind: 'teleported' })).toBe('teleported');
});

test('a merge is told from both sides, with its parts where there are several', () => {
  expect(line({ kind: 'merged', customer: 'visitor-7', data: { into: 'ann', merge: 12 } })).toBe('visitor-7 goes on as ann — its runs and its history were handed over');
  expect(line({ kind: 'merged', customer: 'ann', data: { from: 'visitor-7', merge: 12 } })).toBe('Took in visitor-7 — two customers became one');
  const part = { kind: 'merged', data: { from: 'visitor-7', merge: 12, part: 2, parts: 3 } };
  expect(line(part)).toBe('Took in visitor-7 — two customers became one, part 2 of 3');
  expect(lookedAt(decision(part))).toEqual([]);
  expect(line({ kind: 'ended', reason: 'merged' })).toBe('Ended without an outcome — the older run of the two who became one customer goes on');
});

test('changes of segments are told with what made them', () => {
  const segment = (change: string, because: string) => line({ kind: 'segment', version: 2, data: { segment: 'vip', version: 2, change, because } });
  expect(segment('entered', 'input')).toBe('Entered segment vip — by what came in');
  expect(segment('left', 'time')).toBe('Left segment vip — by time alone');
  expect(segment('left', 'runs')).toBe('Left segment vip — by what a run did');
  expect(segment('entered', 'definition')).toBe('Entered segment vip — the segment was defined anew');
  expect(lookedAt(decision({ kind: 'segment', data: { segment: 'vip', version: 2, change: 'left', because: 'time' } }))).toEqual([]);
  expect(line({ kind: 'failed', data: { segment: 'vip', error: 'KeyError: x' } })).toBe('Segment vip met an error — KeyError: x');
});

test('entries by a segment and by a call say so, and exits on leaving one', () => {
  expect(line({ kind: 'entered', to: 'a', data: { segment: 'vip', on: 'enter' } })).toBe('Entered, first step: a — entered segment vip');
  expect(line({ kind: 'entered', to: 'a', data: { segment: 'vip', on: 'leave' } })).toBe('Entered, first step: a — left segment vip');
  expect(line({ kind: 'entered', to: 'a', data: { api: true } })).toBe('Entered, first step: a — by a call');
  expect(line({ kind: 'entered', to: 'a', data: { api: true, key: '17' } })).toBe('Entered, first step: a — by a call, key 17');
  expect(lookedAt(decision({ kind: 'entered', data: { segment: 'vip', on: 'enter' } }))).toEqual([]);
  expect(line({ kind: 'ended', outcome: 'gone', data: { left: 'vip', version: 1 } })).toBe('Ended as gone — left segment vip');
  expect(line({ kind: 'ended', outcome: 'left', data: { event: 'leave' } })).toBe('Ended as left — another run or a call took it out');
});

test('branches of waits say what satisfied them', () => {
  const went = (branch: string, data: Record<string, unknown>) => told(decision({ step: 'a', to: 'b', branch, data })).why;
  expect(went('clicked', { kind: 'clicked', of: 'remind', link: 'https://x.org' })).toBe('the message at remind was clicked: https://x.org');
  expect(went('opened', { kind: 'opened', of: 'remind' })).toBe('the message at remind was opened');
  expect(went('changed', { 'customer.plan': 'pro', was: 'free' })).toBe('customer’s plan changed from free to pro');
  expect(went('all_of', { event: 'shipped' })).toBe('all have arrived, shipped as the last');
  expect(went('past', { 'customer.due': '2025-01-01', due: AT })).toBe('the instant to wait for is past');
  expect(went('next', { reason: 'if_missing' })).toBe('the value to wait for is missing');
  expect(went('next', { track: 'referral', to: 'ann' })).toBe('referral was emitted for ann');
  expect(went('next', { enter: 'vip', reason: 'too_deep' })).toBe('into journey vip: it would be the ninth link of a chain of emitted events');
  expect(went('next', {})).toBe('');
  expect(lookedAt(decision({ branch: 'changed', data: { 'customer.plan': 'pro', was: 'free' } }))).toEqual([]);
  expect(lookedAt(decision({ branch: 'past', data: { 'customer.ends': '2025-01-01', due: AT } })))
    .toEqual([['customer’s ends', '2025-01-01'], ['due', '24 Nov 2025, 06:37:12']]);
});

test('a limit says which, once', () => {
  expect(line({ kind: 'limit', reason: 'limit', data: { which: 'keys of a question', query: 'a1' } })).toBe('A hard limit was met — keys of a question');
  expect(lookedAt(decision({ kind: 'limit', data: { which: 'tallies', query: 'a1' } }))).toEqual([]);
});

test('each kind of the core that a customer can have is told in words of its own', () => {
  const source = readFileSync(new URL('../../../../laudstream/journey/decision.py', import.meta.url), 'utf8');
  const kinds = [...(/^KINDS = \(([^)]+)\)/m.exec(source)?.[1] ?? '').matchAll(/"([a-z_]+)"/g)].map(([, kind = '']) => kind);
  const ofNobody = ['control', 'counted'];
  expect(kinds.length).toBeGreaterThan(12);
  expect(kinds.filter((kind) => !isTold(kind))).toEqual(ofNobody);
  expect(line({ kind: 'deleted' })).toBe('Was deleted — the runs ended, and what was known was erased');
});

test('names stand for ids of steps, journeys and segments, wherever they are known', () => {
  const steps: Record<string, Step> = {
    hello: { message: { channel: 'email', template: 'welcome' }, next: 'look' },
    look: { wait: { branches: [{ event: { name: 'purchase' }, next: 'done' }], timeout: { after: 'P2D', next: 'late' } } },
    who: { split: { branches: [{ name: 'paying', condition: { 'customer.plan': { equals: 'pro' } }, next: 'hello' }], else: 'done' } },
    done: { exit: { outcome: 'bought' } },
    old: { delay: { for: 'PT1H' } },
  };
  const names: Names = {
    journey: (id) => ({ vip: 'For the best' })[id] ?? id,
    segment: (id) => ({ vips: 'The best' })[id] ?? id,
    step: ({ journey, version }, id) => (journey === 'j' && (version === 2) === (id !== 'old') ? (steps[id] ?? null) : null),
  };
  const named = (given: Partial<Decision>) => {
    const { title, why } = told(decision({ journey: 'j', version: 2, ...given }), names);
    return why === '' ? title : `${title} — ${why}`;
  };
  expect(named({ kind: 'entered', to: 'hello', data: { segment: 'vips', on: 'enter' } })).toBe('Entered, first step: Send an email: welcome — entered segment The best');
  expect(named({ step: 'hello', to: 'look', branch: 'sent' })).toBe('Send an email: welcome → Wait for purchase, up to 2\u00a0days — the message was requested');
  expect(named({ step: 'look', to: 'done', branch: 'purchase', data: { event: 'purchase' } })).toBe('Wait for purchase, up to 2\u00a0days → End: bought — purchase arrived');
  expect(named({ step: 'who', to: 'hello', branch: 'paying' })).toBe('Split by customer’s plan → Send an email: welcome — branch paying: customer’s plan is “pro”');
  expect(named({ step: 'who', to: 'done', branch: 'else' })).toBe('Split by customer’s plan → End: bought — none of the others');
  expect(named({ kind: 'delivery', step: 'hello', data: { kind: 'opened' } })).toBe('Message welcome: opened');
  expect(named({ step: 'a', to: 'done', branch: 'opened', data: { kind: 'opened', of: 'hello' } })).toBe('a → End: bought — the message welcome was opened');
  expect(named({ kind: 'migrated', step: 'old', to: 'look', data: { of: 1, migration: 1 } })).toBe('Hold for 1\u00a0h → Wait for purchase, up to 2\u00a0days — from version 1 to version 2');
  expect(named({ kind: 'failed', step: 'look', data: { error: 'KeyError: x' } })).toBe('Parked by an error at “Wait for purchase, up to 2\u00a0days” — KeyError: x');
  expect(named({ kind: 'segment', journey: '', data: { segment: 'vips', change: 'left', because: 'time' } })).toBe('Left segment The best — by time alone');
  expect(named({ kind: 'ended', outcome: 'gone', data: { left: 'vips' } })).toBe('Ended as gone — left segment The best');
  expect(named({ step: 'a', to: 'b', branch: 'next', data: { enter: 'vip' } })).toBe('a → b — into journey For the best');
  expect(named({ version: 3, step: 'hello', to: 'look', branch: 'sent' })).toBe('hello → look — the message was requested');
});

test('a goal says what met it, an experiment its arm', () => {
  expect(line({ kind: 'goal', data: { event: 'purchase', value: 12 } })).toBe('Reached the goal — purchase arrived, value 12');
  expect(line({ kind: 'goal', data: {} })).toBe('Reached the goal');
  expect(line({ journey: 'j', step: 'offer', to: 'a', branch: 'plain', data: { experiment: 'j/offer' } })).toBe('offer → a — arm plain of the experiment');
});

test('a whole record is read from what it is to when it was made, in whatever order it comes', () => {
  const came = { newer: 1, n: 3, at: AT, data: {}, step: 'a', workspace: 'w', kind: 'moved', id: '1', customer: 'c', clock: AT };
  expect(Object.keys(ordered(came))).toEqual(['id', 'kind', 'customer', 'step', 'data', 'at', 'clock', 'n', 'workspace', 'newer']);
});

test('decisions are grouped by day, in their order', () => {
  const days = byDay([decision({}), decision({ at: AT - 86_400_000 }), decision({ at: AT - 86_400_001 })]);
  expect(days.map(([day, each]) => [day, each.length])).toEqual([['Monday 24 November 2025', 1], ['Sunday 23 November 2025', 2]]);
});
