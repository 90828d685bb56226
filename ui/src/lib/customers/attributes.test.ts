import { expect, test } from 'vitest';

import { listed } from './attributes';

test('attributes are pairs to read, in their order, but those that are shown elsewhere', () => {
  const group = { id: 'acme', name: 'Acme', seats: 12, paid: null, plan: { tier: 'pro' } };
  expect(listed(group, 'id', 'name')).toEqual([['seats', '12'], ['paid', 'null'], ['plan', '{"tier": "pro"}']]);
  expect(listed({ id: 'x' })).toEqual([['id', 'x']]);
});
