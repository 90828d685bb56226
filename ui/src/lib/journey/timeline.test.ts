import { expect, test } from 'vitest';

import { byDay, gatesOf, lookedAt, told, type Decision } from './timeline';

const AT = Date.UTC(2025, 10, 24, 6, 37, 12);
const decision = (given: Partial<Decision>): Decision => ({ id: '1', kind: 'moved', workspace: 'w', customer: 'c', at: AT, clock: AT, ...given });
const line = (given: Partial<Decision>) => {
  const { title, why } = told(decision(given));
  return why === '' ? title : `${title} — ${why}`;
};

test('each kind of decision is told in a sentence', () => {
  expect(line({ kind: 'entered', to: 'welcome', data: { event: 'purchase' } })).toBe('Entered, first step welcome — purchase arrived');
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
  expect(line({ kind: 'failed', step: 'second', data: { error: 'KeyError: x' } })).toBe('Parked at second by an error — KeyError: x');
  expect(line({ kind: 'teleported' })).toBe('teleported');
});

test('values that were looked at are shown, what is said already is not', () => {
  const big = decision({ kind: 'ended', outcome: 'big-spender', data: { event: 'purchase', 'event.amount': 129.5 } });
  expect(lookedAt(big)).toEqual([['event', 'purchase'], ['amount', '129.5']]);
  expect(lookedAt(decision({ data: { event: 'purchase' } }))).toEqual([]);
  expect(lookedAt(decision({ data: { 'customer.plan': null } }))).toEqual([['customer’s plan', 'nothing']]);
  expect(lookedAt(decision({ kind: 'not_entered', reason: 'reentry', data: { last: AT } }))).toEqual([['last', '24 Nov 2025, 06:37:12']]);
});

test('gates keep their order and their reasons', () => {
  const gates = { held_out: 'pass', consent: 'unsubscribed', missing: ['x'] };
  expect(gatesOf(decision({ data: { gates } }))).toEqual([
    { name: 'held out', reason: '' },
    { name: 'consent', reason: 'unsubscribed' },
  ]);
  expect(gatesOf(decision({}))).toEqual([]);
});

test('decisions are grouped by day, in their order', () => {
  const days = byDay([decision({}), decision({ at: AT - 86_400_000 }), decision({ at: AT - 86_400_001 })]);
  expect(days.map(([day, each]) => [day, each.length])).toEqual([['Monday 24 November 2025', 1], ['Sunday 23 November 2025', 2]]);
});
