import { expect, test } from 'vitest';

import { alsoClosed, gatesOf, lookedAt } from './seen';
import type { Names } from './naming';
import type { Decision } from './timeline';

const AT = Date.UTC(2025, 10, 24, 6, 37, 12);
const decision = (given: Partial<Decision>): Decision => ({ id: '1', kind: 'moved', workspace: 'w', customer: 'c', at: AT, clock: AT, ...given });

test('what conditions saw of events, segments and the like is told in words', () => {
  const seen = (name: string, value: unknown) => lookedAt(decision({ data: { [name]: value } }))[0];
  expect(seen('event:order/2', { count: 3, last: AT })).toEqual(['order', '3 times, last 24 Nov 2025, 06:37:12']);
  expect(seen('event:order', { count: 0, last: null })).toEqual(['order', 'never']);
  expect(seen('event:order', { at: AT, last: { total: 5 } })).toEqual(['order', '24 Nov 2025, 06:37:12: {"total":5}']);
  expect(seen('message:opened', { count: 1, last: AT })).toEqual(['messages opened', '1 time, last 24 Nov 2025, 06:37:12']);
  expect(seen('run:welcome', true)).toEqual(['journey welcome', 'active']);
  expect(seen('segment:vip', { member: false, version: 2 })).toEqual(['segment vip', 'not a member, version 2']);
  expect(seen('consent:email/news', 'pending')).toEqual(['consent to email, news', 'pending']);
  expect(seen('bucket:spring', 4.2)).toEqual(['bucket spring', '4.2 %']);
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

test('a gate is told beside the reason only if it says more', () => {
  const gates = { consent: 'pass', address: 'no_address', caps: 'cap' };
  expect(alsoClosed(decision({ kind: 'message', reason: 'no_address', data: { gates } }))).toEqual([{ name: 'caps', reason: 'cap' }]);
  expect(alsoClosed(decision({ kind: 'message', data: { gates: { consent: 'pass' } } }))).toEqual([]);
});

test('names stand for ids of journeys, segments and steps', () => {
  const names: Names = {
    journey: (id) => ({ welcome: 'Welcome series' })[id] ?? id,
    segment: (id) => ({ vip: 'Good customers' })[id] ?? id,
    step: (_, id) => ({ look: { wait: { branches: [{ event: { name: 'view' }, next: 'x' }] } }, tag: { update: { add_to: ['vip'], remove_from: ['new'] } } })[id] ?? null,
  };
  const seen = (data: Record<string, unknown>, step = 'x') => lookedAt(decision({ data, step }), names);
  expect(seen({ 'run:welcome': false, 'segment:vip': { member: true, version: 2 } }))
    .toEqual([['journey Welcome series', 'not active'], ['segment Good customers', 'a member, version 2']]);
  expect(seen({ 'steps.look.event.sku': 'a1' })).toEqual([['sku of the event at “Wait for view”', 'a1']]);
  expect(seen({ 'steps.gone.event.sku': 'a1' })).toEqual([['sku of the event at gone', 'a1']]);
  expect(seen({ vip: true, new: false, 'customer.plan': true }, 'tag'))
    .toEqual([['segment Good customers', 'joined'], ['segment new', 'left'], ['customer’s plan', 'true']]);
  expect(seen({ vip: true })).toEqual([['vip', 'true']]); // no step that says it is a segment
});

test('what records say in words of their own is told in ours', () => {
  const seen = (kind: string, data: Record<string, unknown>) => lookedAt(decision({ kind, data }));
  expect(seen('message', { message_class: 'marketing', template_version: 3 })).toEqual([['message class', 'marketing'], ['template version', '3']]);
  expect(seen('moved', { 'email/': 'unsubscribed', 'email/news': 'subscribed' })).toEqual([['consent to email', 'unsubscribed'], ['consent to email, news', 'subscribed']]);
  expect(seen('ended', { refusal: 'no_address' })).toEqual([['refusal', 'the customer has no address for this channel']]);
  expect(seen('goal', { event: 'purchase', value: 5, arms: { 'j/offer': 'plain' } })).toEqual([['arms', 'plain']]);
  expect(seen('not_entered', { run: 'b959d8f2902dd263c54514eb8d7b27a9' })).toEqual([]);
  expect(seen('not_entered', { max_entries: 100 })).toEqual([['max entries', '100']]);
});
