/** Versions of a journey in words, and what can be done with each; the API decides again. */

import type { VersionLine } from '../api/journeys';

export type Step = 'promote' | 'withdraw' | 'restore';

/** Where a map takes people: a step of the version, or one of its two words. */
export function moveWords(to: string): string {
  if (to === 'exit') return 'end as migrated';
  return to === 'stay' ? 'stay on their version' : to;
}

export function stateWords({ state, share }: VersionLine): string {
  if (state === 'trial') return `on trial, ${share ?? 0} % of those who enter`;
  return state === 'live' ? 'takes those who enter' : 'takes no entries';
}

/** Who chose the winner of an experiment. */
export function winnerWords(by: 'person' | 'lead' | 'time'): string {
  return { person: 'Chosen by a person', lead: 'It led clearly', time: 'It led when the others had waited long enough' }[by];
}

/** `as version 1 · with a map` */
export function originWords({ restored_from, migrates }: VersionLine): string {
  const words = restored_from === null ? [] : [`as version ${restored_from}`];
  return [...words, ...(migrates ? ['with a map'] : [])].join(' · ');
}

export function stepsOf({ state }: VersionLine): Step[] {
  if (state === 'trial') return ['promote', 'withdraw'];
  return state === 'past' ? ['restore'] : [];
}

const MOST = 5;

/** Those that matter: which take entries, or still have people; of the others only the newest few. */
export function worth(lines: VersionLine[], all: boolean): VersionLine[] {
  return all ? lines : lines.filter((line, index) => index < MOST || line.state !== 'past' || line.runs > 0);
}
