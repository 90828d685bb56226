import { expect, test } from 'vitest';

import { bodyOf, draftOf } from './form';

const BODY = {
  time_zone: 'Europe/Vienna', quiet_hours: { from: '22:00', to: '07:00' }, caps: [{ limit: 2, per: 'week' }], holdout: 2.5, release_spread: 'PT5M',
  history: 'P30D',
};

test('settings come out of their form as they went in', () => {
  expect(bodyOf(draftOf(BODY), BODY)).toEqual({ body: BODY, problems: [] });
  expect(bodyOf(draftOf({}), {})).toEqual({ body: {}, problems: [] });
  expect(bodyOf(draftOf({ quiet_hours: 'none' }), { quiet_hours: 'none' }).body).toEqual({ quiet_hours: 'none' });
});

test('what is emptied is gone, and what no field shows stays', () => {
  const draft = { ...draftOf(BODY), quiet: false, caps: ' ', holdout: '', release_spread: '', history: '' };
  expect(bodyOf(draft, { ...BODY, later: 1 }).body).toEqual({ time_zone: 'Europe/Vienna', later: 1 });
});

test('what is no JSON or no number is told at its place', () => {
  const { problems } = bodyOf({ ...draftOf({}), caps: '[', holdout: 'five' }, {});
  expect(problems.map(({ pointer }) => pointer)).toEqual(['/caps', '/holdout']);
});
