/** What can be done with a journey, by its status; the API decides again. */

import type { Action, JourneyStatus } from '../api/journeys';

const ACTIONS: Record<JourneyStatus, Action[]> = {
  draft: ['publish'],
  publishing: ['pause', 'stop'],
  live: ['pause', 'drain', 'stop'],
  paused: ['resume', 'drain', 'stop'],
  draining: ['resume', 'pause', 'stop'],
  stopped: ['publish'],
};

export function actionsOf(status: JourneyStatus, drafted: boolean): Action[] {
  const possible = ACTIONS[status] ?? [];
  return drafted && !possible.includes('publish') ? ['publish', ...possible] : possible;
}

export const DONE: Record<Action, string> = {
  publish: 'published',
  pause: 'paused',
  resume: 'resumed',
  drain: 'draining: nobody enters any more, and the runs go on',
  stop: 'stopped',
};
