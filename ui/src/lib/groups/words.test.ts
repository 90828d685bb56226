import { expect, test } from 'vitest';

import { groupName, lagWords, membersWords, stayWords } from './words';

test('a group is called by its trait name, else by its id', () => {
  expect(groupName('acme', { name: 'Acme Inc.', plan: 'pro' })).toBe('Acme Inc.');
  expect([{}, { name: '' }, { name: ' ' }, { name: 7 }, { name: null }].map((traits) => groupName('acme', traits))).toEqual(Array(5).fill('acme'));
});

test('a list says where it stopped to count', () => {
  const line = { id: 'acme', traits: {}, created_at: 1, updated_at: 1, behind: 0 };
  expect(membersWords({ ...line, members: 1234, more: false })).toBe('1,234');
  expect(membersWords({ ...line, members: 10_000, more: true })).toBe('10,000+');
});

test('who does not have the newest traits is told, and whether they come', () => {
  expect(lagWords({ behind: 0, too_large: 0 })).toEqual([]);
  expect(lagWords({ behind: 1, too_large: 1 })).toEqual([
    '1 member does not have the newest traits yet; its row follows by itself.',
    '1 member keeps older traits, since its row would be too large with the newest.',
  ]);
  expect(lagWords({ behind: 1200, too_large: 2 })).toEqual([
    '1,200 members do not have the newest traits yet; their rows follow by themselves.',
    '2 members keep older traits, since their rows would be too large with the newest.',
  ]);
});

test('what becomes of members is told if there are any', () => {
  expect(stayWords({ members: 0, more: false })).toBe('');
  expect(stayWords({ members: 1, more: false })).toMatch(/^Its one member stays a customer and /);
  expect(stayWords({ members: 10_000, more: true })).toMatch(/^Its 10,000\+ members stay customers and /);
});
