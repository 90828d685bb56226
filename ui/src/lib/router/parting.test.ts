import { expect, test } from 'vitest';

import { leaveWords, takeWords } from './parting';

test('what was left is said once', () => {
  leaveWords('ann is deleted.');
  expect([takeWords(), takeWords()]).toEqual(['ann is deleted.', '']);
});
