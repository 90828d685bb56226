import { expect, test } from 'vitest';

import type { Stats } from '../api/journeys';
import { conditionWords, topics } from './conditions';
import { ended, numbersOf, ranked, went } from './counts';
import { kindOf, ways, type Branch, type Definition, type Step, type Update } from './definition';
import { graphOf, stepsInOrder } from './graph';
import { branchWords, entryDetail, entryTitle, goalWords, listed, ruleDetail, ruleTitle, settingsWords, stepDetail, stepTitle } from './words';

const JOURNEY: Definition = {
  id: 'second-purchase',
  entry: [{ event: { name: 'purchase' }, reentry: 'never' }],
  exit: [{ event: { name: 'purchase' }, where: { 'event.amount': { greater_than: 100 } }, outcome: 'big-spender' }],
  start: 'welcome',
  steps: {
    welcome: { message: { channel: 'email', template: 'welcome' }, next: 'offer' },
    offer: { experiment: { arms: { plain: 50, discount: 50 } }, next: { plain: 'second', discount: 'second' } },
    second: {
      wait: { branches: [{ event: { name: 'purchase' }, next: 'thanks' }], timeout: { after: 'PT20S', next: 'win-back' } },
    },
    thanks: { message: { channel: 'email', template: 'thanks' }, next: { sent: 'bought', refused: 'quiet' } },
    'win-back': { message: { channel: 'email', template: 'win-back' }, next: 'quiet' },
    bought: { exit: { outcome: 'bought' } },
    quiet: { exit: { outcome: 'big-spender' } },
  },
};

const STATS: Stats = {
  version: 1,
  entered: 10,
  active: 1,
  ended: { bought: 4, 'big-spender': 5 },
  not_entered: {},
  steps: {
    second: { here: 1, arrived: 9, left: { purchase: 4, timeout: 3 } },
    quiet: { arrived: 3, here: 0, ended: { 'big-spender': 3 } },
  },
};

test('branches bear the names that counts have', () => {
  const names = (step: Step) => ways(step).map(({ branch, to }) => `${branch}>${to}`);
  expect(names(JOURNEY.steps.welcome ?? {})).toEqual(['sent>offer']);
  expect(names(JOURNEY.steps.offer ?? {})).toEqual(['plain>second', 'discount>second']);
  expect(names(JOURNEY.steps.second ?? {})).toEqual(['purchase>thanks', 'timeout>win-back']);
  expect(names(JOURNEY.steps.thanks ?? {})).toEqual(['sent>bought', 'refused>quiet']);
  expect(names({ delay: { for: 'PT1H' }, next: 'a' })).toEqual(['next>a']);
  expect(names({ split: { branches: [{ condition: {}, next: 'a' }, { name: 'x', condition: {}, next: 'b' }], else: 'c' } }))
    .toEqual(['1>a', 'x>b', 'else>c']);
  expect(names({ exit: { outcome: 'done' } })).toEqual([]);
});

test('steps that write, emit and jump say so in plain words', () => {
  const update = (parts: Update) => [stepTitle({ update: parts }), stepDetail({ update: parts })];
  expect(update({ set: { plan: 'pro', total: { from: 'entry.total' } }, increment: { orders: 1 }, add_to: ['vip'] }))
    .toEqual(['Change plan, total and orders', 'plan = “pro” · total = entry’s total · orders + 1 · into vip']);
  expect(update({ unsubscribe: [{ channel: 'email', subscription: 'news' }] }))
    .toEqual(['Unsubscribe from news (email)', 'unsubscribed from news (email)']);
  expect(stepTitle({ emit: { event: 'vip' } })).toBe('Emit vip');
  expect(stepDetail({ emit: { event: 'vip', to: 'entry.friend', properties: { level: 2 } } }))
    .toBe('for the customer entry’s friend · level = 2');
  expect(stepTitle({ emit: { enter: 'other' } })).toBe('Enter other');
  expect(stepTitle({ jump: { to: 'rest' } })).toBe('Go to rest');
  expect(ways({ jump: 'rest' })).toEqual([{ branch: 'next', to: 'rest' }]);
});

test('waits say what they wait for', () => {
  const branches: Branch[] = [
    { all_of: [{ event: { name: 'a' } }, { event: { name: 'b' } }], next: '' },
    { message: { of: ['remind'], is: 'clicked', link: 'https://x.org' }, next: '' },
    { changed: 'customer.plan', next: '' },
  ];
  const step: Step = { wait: { branches, since: 'PT1H', collect: ['view'] } };
  expect(stepTitle(step)).toBe('Wait for a and b, remind is clicked (https://x.org) or customer’s plan changes');
  expect(stepDetail(step)).toBe('looks back 1\u00a0h, collects view');
  expect(ways(step).map(({ branch }) => branch)).toEqual(['all_of', 'clicked', 'changed']);
});

test('an experiment shows its holdout arm, a goal what it counts, an entry by a call that it is one', () => {
  const step: Step = { experiment: { arms: { a: 90 }, holdout: 10 }, next: { a: 'x', holdout: 'y' } };
  expect(ways(step)).toEqual([{ branch: 'a', to: 'x' }, { branch: 'holdout', to: 'y' }]);
  expect(stepDetail(step)).toBe('a 90 % · holdout 10 %');
  expect(goalWords({ event: { name: 'buy' }, within: 'P3D', value: 'total', end_on_goal: true }))
    .toBe('buy within 3\u00a0days, summed by total, ends the run');
  expect(goalWords({ condition: { 'customer.plan': { equals: 'pro' } }, within: 'P1D' })).toBe('customer’s plan is “pro” within 1\u00a0day');
  expect(entryTitle({ api: { key: 'order' } })).toBe('Enters by a call');
  expect(entryDetail({ api: { key: 'order' }, reentry: 'always' })).toBe('for each order, again any time');
});

test('steps say in plain words what they do', () => {
  expect(stepTitle({ wait: { branches: [{ event: { name: 'purchase' }, next: '' }], timeout: { after: 'PT20S', next: '' } } }))
    .toBe('Wait for purchase, up to 20\u00a0s');
  expect(stepTitle({ wait: { branches: [{ event: { name: 'visit' }, count: 3, next: '' }, { condition: { 'customer.vip': { equals: true } }, next: '' }] } }))
    .toBe('Wait for 3 × visit or customer’s vip is true');
  expect(stepTitle({ delay: { for: 'P1DT12H' } })).toBe('Hold for 1\u00a0day\u00a012\u00a0h');
  expect(stepTitle(JOURNEY.steps.welcome ?? {})).toBe('Send an email');
  expect(stepDetail(JOURNEY.steps.welcome ?? {})).toBe('welcome');
  expect(stepTitle(JOURNEY.steps.offer ?? {})).toBe('Try plain and discount');
  expect(stepDetail(JOURNEY.steps.offer ?? {})).toBe('plain 50 % · discount 50 %');
  expect(stepTitle({ split: { branches: [{ condition: { any: [{ 'customer.plan': { equals: 'pro' } }, { 'customer.age': { at_least: 18 } }] }, next: '' }], else: '' } }))
    .toBe('Split by customer’s plan and customer’s age');
  expect(stepTitle({ teleport: {} } as Step)).toBe('teleport');
  expect(kindOf({ teleport: {} } as Step)).toBeNull();
});

test('branches say when they are taken', () => {
  expect(branchWords(JOURNEY.steps.second ?? {}, 'timeout')).toBe('nothing for 20\u00a0s');
  expect(branchWords(JOURNEY.steps.second ?? {}, 'purchase')).toBe('purchase arrives');
  expect(branchWords({ split: { branches: [{ condition: { 'customer.plan': { in: ['a', 'b'] } }, next: '' }], else: '' } }, '1'))
    .toBe('customer’s plan is one of “a”, “b”');
  expect(branchWords(JOURNEY.steps.offer ?? {}, 'plain')).toBe('50 % of customers');
});

test('entries, exit rules and settings are told in words', () => {
  expect(entryTitle(JOURNEY.entry[0] ?? {})).toBe('Enters on purchase');
  expect(entryTitle({ audience: {} })).toBe('All customers when published');
  expect(entryDetail({ event: { name: 'cart', key: 'cart_id' }, where: { 'customer.email': { exists: true } }, reentry: 'after P30D', while_active: 'restart' }))
    .toBe('where customer’s email is there, for each cart_id, again after 30\u00a0days, starts over while active');
  const rule = JOURNEY.exit?.[0] ?? { outcome: '' };
  expect(`${ruleTitle(rule)} ${ruleDetail(rule)}`).toBe('Leaves on purchase where amount is more than 100');
  expect(settingsWords({ holdout: 5, caps: [{ limit: 2, per: 'P7D' }], quiet_hours: { from: '21:00', to: '08:00' } }))
    .toEqual([['Holdout', '5 %'], ['Quiet hours', '21:00 to 08:00'], ['Caps', '2 per 7\u00a0days']]);
  expect(settingsWords({ caps: [{ limit: 1, per: 'week', channel: 'email', tag: 'news', counts: 'all' }] }))
    .toEqual([['Caps', '1 per week by email, tagged news, transactional ones too']]);
});

test('entries by a segment, and exits on leaving it, are told in words', () => {
  expect(entryTitle({ segment: { id: 'regulars' } })).toBe('Enters on entering segment regulars');
  expect(entryTitle({ segment: { id: 'regulars', on: 'leave' } })).toBe('Enters on leaving segment regulars');
  expect(entryDetail({ segment: { id: 'regulars', on: 'enter' }, reentry: 'after P30D' })).toBe('again after 30\u00a0days');
  const rule = { leaves: 'regulars', outcome: 'gone' };
  expect(`${ruleTitle(rule)}, ${ruleDetail(rule)}`).toBe('Leaves on leaving segment regulars, from any step, at once');
});

test('conditions nest', () => {
  const condition = { all: [{ 'event.amount': { between: [1, 5] } }, { none: [{ 'steps.look.event.sku': { equals: 'x' } }] }] };
  expect(conditionWords(condition)).toBe('(amount is between 1 and 5 and sku of the event at look is not “x”)');
  expect(topics(condition)).toEqual(['amount', 'sku of the event at look']);
});

test('long lists are cut', () => {
  expect(listed(['a', 'b', 'c', 'd', 'e'], 'or')).toBe('a, b, c or 2 more');
  expect(listed(['a'], 'or')).toBe('a');
  expect(listed([], 'or')).toBe('');
});

test('the graph has entries, steps, exit rules and their ends', () => {
  const graph = graphOf(JOURNEY);
  expect(graph.nodes.map((node) => node.kind)).toEqual(
    ['entry', 'message', 'experiment', 'wait', 'message', 'message', 'exit', 'exit', 'rule', 'end'],
  );
  expect(graph.edges.map((edge) => edge.id)).toContain('step:second>timeout');
  expect(graph.edges.at(-1)).toMatchObject({ source: 'rule:0', target: 'end:big-spender' });
});

test('an edge to a step that is not there is left out', () => {
  const torn = { ...JOURNEY, steps: { welcome: { delay: { for: 'PT1S' }, next: 'nowhere' } } };
  expect(graphOf(torn).edges.map((edge) => edge.id)).toEqual(['entry:0>', 'rule:0>']);
});

test('steps are listed as runs come to them', () => {
  expect(stepsInOrder(JOURNEY)).toEqual(['welcome', 'offer', 'second', 'thanks', 'win-back', 'bought', 'quiet']);
});

test('an outcome that steps and rules share is counted apart', () => {
  const { nodes, edges } = graphOf(JOURNEY);
  const node = (id: string) => nodes.find((each) => each.id === id) ?? nodes[0]!;
  expect(ended(node('step:quiet'), JOURNEY, STATS)).toBe(3);
  expect(ended(node('end:big-spender'), JOURNEY, STATS)).toBe(2);
  const by = (id: string) => went(edges.find((each) => each.id === id)!, JOURNEY, STATS);
  expect([by('entry:0>'), by('step:second>timeout'), by('step:welcome>sent'), by('rule:0>')]).toEqual([10, 3, 0, 2]);
});

test('numbers of a step that nobody came to are zero', () => {
  expect(numbersOf(undefined)).toEqual({ here: 0, passed: 0, sent: 0, requested: 0, refused: 0, failed: 0 });
  expect(numbersOf(STATS.steps.second).passed).toBe(7);
  expect(ranked({ a: 1, b: 2 })).toEqual([['b', 2], ['a', 1]]);
});
