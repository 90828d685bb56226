import { expect, test } from 'vitest';

import { conditionWords, wholeWords, outline, topics } from './conditions';
import type { Condition } from './definition';

/** The examples of docs/conditions.md, then what they leave out. */
const TABLE: [condition: Condition, words: string][] = [
  [
    {
      'customer.plan': { equals: 'pro' },
      'customer.age': { at_least: 18, less_than: 65 },
      any: [{ 'customer.country': { in: ['at', 'ch', 'de'] } }, { segment: 'travellers' }],
      none: [{ event: { name: 'order_returned', within: 'P30D' } }],
    },
    'customer’s plan is “pro” and customer’s age is at least 18 and less than 65 and ' +
      '(customer’s country is one of “at”, “ch”, “de” or the customer is in segment travellers) and ' +
      'order_returned did not happen within the last 30 days',
  ],
  [{ 'customer.trial_ends': { before: '2026-05-01' } }, 'customer’s trial_ends is before 2026-05-01'],
  [{ 'customer.trial_ends': { after: '2026-05-01T10:00Z' } }, 'customer’s trial_ends is after 2026-05-01 10:00 UTC'],
  [{ 'customer.trial_ends': { before: 'now' } }, 'customer’s trial_ends is in the past'],
  [{ 'customer.trial_ends': { on: 'today' } }, 'customer’s trial_ends is today'],
  [{ 'customer.trial_ends': { before: { ahead: 'P3D' } } }, 'customer’s trial_ends is earlier than 3 days from now'],
  [{ 'customer.last_login': { before: { ago: 'P1M' } } }, 'customer’s last_login is more than 1 month ago'],
  [{ 'customer.birthday': { anniversary: { ahead: 'P7D' } } }, 'customer’s birthday has its anniversary in 7 days'],
  [{ event: { name: 'order_completed' } }, 'order_completed happened'],
  [{ event: { name: 'order_completed', at_least: 2, within: 'P30D' } }, 'order_completed happened at least 2 times within the last 30 days'],
  [{ event: { name: 'order_completed', exactly: 0, since: '2026-01-01' } }, 'order_completed did not happen since 2026-01-01'],
  [{ event: { name: 'order_completed', where: { 'event.total': { at_least: 100 } } } }, 'order_completed (where total is at least 100) happened'],
  [{ event: { name: 'order_completed', last: { 'event.total': { at_least: 100 } } } }, 'the last order_completed was one where total is at least 100'],
  [{ event: { name: 'product_viewed', keyed: 'product_id', at_least: 3 } }, 'product_viewed happened at least 3 times with one product_id'],
  [
    { event: { name: 'cart_updated', keyed: { by: 'cart_id', value: 'entry.cart_id' }, at_least: 2 } },
    'cart_updated happened at least 2 times with entry’s cart_id',
  ],
  [
    { message: { is: 'opened', journey: 'welcome', step: 'hello', within: 'P7D' } },
    'a message of journey welcome at hello was opened within the last 7 days',
  ],
  [{ message: { is: 'sent', channel: 'email', tag: 'news', at_most: 3, within: 'P7D' } }, 'at most 3 email messages tagged news were sent within the last 7 days'],
  [{ run: { journey: 'welcome', is: 'active' } }, 'the customer is in journey welcome'],
  [
    { run: { journey: 'welcome', was: 'completed', outcome: 'bought', within: 'P30D' } },
    'the customer completed journey welcome as bought within the last 30 days',
  ],
  [{ run: { journey: 'welcome', was: 'converted' } }, 'the customer converted in journey welcome'],
  [{ message: { is: 'clicked', link: 'https://a', machine: 'include' } }, 'a message was clicked (https://a), also by a machine'],
  [{ segment: 'vip@2' }, 'the customer is in segment vip@2'],
  [{ segment: 'vip' }, 'the customer is in segment vip'],
  [{ segment: { in: 'vip', held_for: 'P7D' } }, 'the customer has been in segment vip for at least 7 days'],
  [{ consent: { channel: 'email', subscription: 'news', is: ['subscribed', 'pending'] } }, 'consent to news (email) is subscribed or pending'],
  [{ bucket: { salt: 'spring', from: 0, to: 10 } }, 'the customer is in the first 10 % of bucket spring'],
  [{ event: { name: 'order_completed', at_least: 3, within: 'P90D' } }, 'order_completed happened at least 3 times within the last 90 days'],

  [{ 'customer.id': { starts_with: 'b2b-' } }, 'customer’s id starts with “b2b-”'],
  [{ 'group.plan': { not_equals: null } }, 'group’s plan is not nothing'],
  [{ 'customer.tags': { not_contains: 'x' } }, 'customer’s tags does not contain “x”'],
  [{ 'customer.country': { not_in: ['at', 'ch'] } }, 'customer’s country is none of “at”, “ch”'],
  [{ 'customer.email': { not_exists: true } }, 'customer’s email is not there'],
  [{ 'customer.tags': { length: { at_least: 3, at_most: 5 } } }, 'customer’s tags has a length of at least 3 and at most 5'],
  [{ 'customer.zip': { length: 4 } }, 'customer’s zip has a length of 4'],
  [{ 'customer.since': { between: ['2026-01-01', '2026-03-31'] } }, 'customer’s since is between 2026-01-01 and 2026-03-31'],
  [{ 'customer.last_login': { within_last: 'P1D' } }, 'customer’s last_login is within the last day'],
  [{ 'customer.last_login': { within_last: 'PT1H' } }, 'customer’s last_login is within the last hour'],
  [{ 'customer.renews_on': { within_next: 'P2W' } }, 'customer’s renews_on is within the next 2 weeks'],
  [{ 'customer.renews_on': { after: { ahead: 'P3D' } } }, 'customer’s renews_on is more than 3 days from now'],
  [{ 'customer.renews_on': { after: 'now' } }, 'customer’s renews_on is in the future'],
  [{ 'customer.renews_on': { before: 'today' } }, 'customer’s renews_on is before today'],
  [{ 'customer.renews_on': { on: { ahead: 'P3D' } } }, 'customer’s renews_on is on the day 3 days from now'],
  [{ 'customer.joined': { anniversary: 'today' } }, 'customer’s joined has its anniversary today'],
  [{ 'customer.joined': { anniversary: { ago: 'P7D' } } }, 'customer’s joined had its anniversary 7 days ago'],
  [{ 'customer.plan': { changed_within: 'P7D' } }, 'customer’s plan changed within the last 7 days'],
  [{ 'customer.plan': { equals: 'gold', held_for: 'P7D' } }, 'customer’s plan is “gold” for at least 7 days'],
  [{ 'customer.plan': { resembles: 'gold' } }, 'customer’s plan resembles “gold”'],
  [{ event: { name: 'a', last: { 'event.x': { equals: 1 } }, within: 'P7D' } }, 'the last a was within the last 7 days and was one where x is 1'],
  [{ event: { name: 'a', first: { 'event.x': { equals: 1 } } } }, 'the first a was one where x is 1'],
  [{ event: { name: 'a', exactly: 1 } }, 'a happened exactly once'],
  [{ event: { name: 'a', at_most: 2 } }, 'a happened at most 2 times'],
  [{ event: { name: 'a', keyed: { by: 'cart', value: 'entry.id' } } }, 'a happened with entry’s id as cart'],
  [{ message: { is: 'clicked', channel: 'email', at_most: 0 } }, 'no email message was clicked'],
  [{ message: { is: 'sent', channel: 'sms', exactly: 1 } }, 'exactly 1 text message was sent'],
  [{ message: { is: 'sent', channel: 'email' } }, 'an email message was sent'],
  [{ run: { journey: 'welcome', was: 'entered', at_least: 2 } }, 'the customer entered journey welcome at least 2 times'],
  [{ run: { journey: 'welcome', was: 'entered', exactly: 0, within: 'P1M' } }, 'the customer did not enter journey welcome within the last month'],
  [{ consent: { channel: 'sms', is: 'unsubscribed' } }, 'consent to sms is unsubscribed'],
  [{ bucket: { salt: 'spring', from: 10, to: 30 } }, 'the customer is in 10 to 30 % of bucket spring'],
];

test.each(TABLE)('%j', (condition, words) => {
  expect(conditionWords(condition).replaceAll('\u00a0', ' ')).toBe(words);
});

/** What `none` makes of them. */
const CONTRARIES: [condition: Condition, words: string][] = [
  [{ 'customer.plan': { equals: 'pro' } }, 'customer’s plan is not “pro”'],
  [{ 'customer.plan': { not_equals: 'pro' } }, 'customer’s plan is “pro”'],
  [{ 'customer.tags': { contains: 'x' } }, 'customer’s tags does not contain “x”'],
  [{ 'customer.age': { at_least: 18, less_than: 65 } }, 'not (customer’s age is at least 18 and less than 65)'],
  [{ 'customer.a': { exists: true }, 'customer.b': { exists: true } }, 'not (customer’s a is there and customer’s b is there)'],
  [{ any: [{ segment: 'a' }, { segment: 'b' }] }, 'not (the customer is in segment a or the customer is in segment b)'],
  [{ none: [{ segment: 'a' }] }, 'not (the customer is not in segment a)'],
  [{ segment: 'vip' }, 'the customer is not in segment vip'],
  [{ segment: { in: 'vip', held_for: 'P7D' } }, 'the customer has not been in segment vip for at least 7 days'],
  [{ event: { name: 'a', exactly: 0 } }, 'a happened'],
  [{ event: { name: 'a', at_least: 2 } }, 'a happened less than 2 times'],
  [{ event: { name: 'a', at_most: 2 } }, 'a happened more than 2 times'],
  [{ event: { name: 'a', keyed: 'sku' } }, 'a did not happen with any sku'],
  [{ event: { name: 'a', last: { 'event.x': { equals: 1 } } } }, 'not (the last a was one where x is 1)'],
  [{ message: { is: 'opened' } }, 'no message was opened'],
  [{ run: { journey: 'welcome', is: 'active' } }, 'the customer is not in journey welcome'],
  [{ run: { journey: 'welcome', was: 'completed' } }, 'the customer did not complete journey welcome'],
  [{ consent: { channel: 'email', is: ['pending', 'unknown'] } }, 'consent to email is neither pending nor unknown'],
  [{ bucket: { salt: 's', from: 0, to: 10 } }, 'the customer is not in the first 10 % of bucket s'],
];

test.each(CONTRARIES)('none of %j', (condition, words) => {
  expect(conditionWords({ none: [condition] }).replaceAll('\u00a0', ' ')).toBe(words);
});

test('none of several is the contrary of each', () => {
  expect(conditionWords({ none: [{ segment: 'a' }, { 'customer.b': { exists: true } }] }))
    .toBe('(the customer is not in segment a and customer’s b is not there)');
});

test('a condition is outlined as it nests', () => {
  const condition = {
    any: [{ segment: 'a' }, { segment: 'b', 'customer.c': { equals: 1 } }],
    'customer.plan': { equals: 'pro' },
    none: [{ segment: 'd' }],
  };
  const leaf = (words: string) => ({ words, lines: [] });
  expect(outline(condition)).toEqual([
    leaf('customer’s plan is “pro”'),
    {
      words: 'At least one of these',
      lines: [
        leaf('the customer is in segment a'),
        { words: 'All of these', lines: [leaf('the customer is in segment b'), leaf('customer’s c is 1')] },
      ],
    },
    leaf('the customer is not in segment d'),
  ]);
});

test('topics name each subject once', () => {
  const condition = {
    all: [{ event: { name: 'order' } }, { event: { name: 'order', at_least: 2 } }, { segment: 'vip' }, { segment: { in: 'vip' } }],
    message: { is: 'sent' }, run: { journey: 'w', is: 'active' }, consent: { channel: 'sms', is: 'pending' }, bucket: { salt: 's', from: 0, to: 1 },
  };
  expect(topics(condition)).toEqual(['messages', 'journey w', 'consent to sms', 'bucket s', 'order', 'segment vip']);
});

test('a condition that stands alone has no brackets around it all, those within stay', () => {
  const gold = { 'customer.plan': { equals: 'gold' } };
  const adult = { 'customer.age': { at_least: 18 } };
  const either = { any: [gold, adult] };
  expect(wholeWords({ all: [either, gold] })).toBe(`(${wholeWords(either)}) and ${conditionWords(gold)}`);
  expect(wholeWords({ all: [{ all: [either, either] }] })).toBe(`${conditionWords(either)} and ${conditionWords(either)}`);
  expect(wholeWords({ none: [gold, adult] })).toBe(conditionWords({ none: [gold, adult] }).slice(1, -1));
  for (const plain of [{ none: [gold] }, { ...gold, ...adult }, gold, {}]) expect(wholeWords(plain)).toBe(conditionWords(plain));
});
