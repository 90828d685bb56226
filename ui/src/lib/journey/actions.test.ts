import { expect, test } from 'vitest';

import { actionsOf } from './actions';

test('a draft can be published, also beside what runs', () => {
  expect(actionsOf('draft', true)).toEqual(['publish']);
  expect(actionsOf('live', false)).toEqual(['pause', 'drain', 'stop']);
  expect(actionsOf('paused', true)).toEqual(['publish', 'resume', 'drain', 'stop']);
  expect(actionsOf('draining', false)).toEqual(['resume', 'pause', 'stop']);
  expect(actionsOf('stopped', false)).toEqual(['publish']);
});
