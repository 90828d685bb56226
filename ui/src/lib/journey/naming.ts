/** What people call what records name by ids. */

import { kindOf, type Step } from './definition';
import { stepDetail, stepTitle } from './words';

/** A version of a journey. */
export interface Place {
  journey?: string | undefined;
  version?: number | undefined;
}

export interface Names {
  journey: (id: string) => string;
  segment: (id: string) => string;
  /** null: it is not known (yet). */
  step: (place: Place, id: string) => Step | null;
}

/** Everything by its id, as records have it. */
export const IDS: Names = { journey: (id) => id, segment: (id) => id, step: () => null };

/** `Send an email: welcome`, `Wait for purchase, up to 2 days`, `End: bought`; the id where the step is not known. */
export function stepWords(names: Names, place: Place, id: string): string {
  const step = names.step(place, id);
  const kind = step === null ? null : kindOf(step);
  if (step === null || kind === null) return id;
  if (kind === 'message') return `${stepTitle(step)}: ${stepDetail(step)}`;
  return kind === 'exit' ? `End: ${stepTitle(step)}` : stepTitle(step);
}

/** Template of a message step; null where that is not known. */
export function templateOf(names: Names, place: Place, id: string): string | null {
  return names.step(place, id)?.message?.template ?? null;
}

/** Versions that decisions and runs speak of, each once. */
export function placesOf(decisions: (Place & { data?: Record<string, unknown> })[], runs: Place[]): Place[] {
  const before = decisions.filter(({ data }) => typeof data?.of === 'number').map(({ journey, data }) => ({ journey, version: data?.of as number }));
  const all = [...decisions, ...before, ...runs].filter(({ journey, version }) => journey !== undefined && version !== undefined);
  return [...new Map(all.map(({ journey, version }) => [`${journey}@${version}`, { journey, version }])).values()];
}
