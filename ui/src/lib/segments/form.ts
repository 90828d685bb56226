/** The form of a segment: what is typed, and the definition that it makes. */

import type { SegmentBody } from '../api/definitions';
import type { Problem } from '../api/problems';
import { prettyJson, readJson } from '../format/json';
import type { Condition } from '../journey/definition';

export interface Draft {
  id: string;
  name: string;
  kind: 'dynamic' | 'manual';
  /** JSON. */
  condition: string;
}

export const EXAMPLE: Condition = { 'customer.plan': { equals: 'pro' }, event: { name: 'order_completed', at_least: 3, within: 'P90D' } };

/** The form for a segment; without one, for a new one. */
export function draftOf(body: SegmentBody | null): Draft {
  return {
    id: body?.id ?? '',
    name: body?.name ?? '',
    kind: body?.manual === true ? 'manual' : 'dynamic',
    condition: prettyJson(body?.condition ?? EXAMPLE),
  };
}

/** The definition, or what stands against one; the API judges the rest. */
export function bodyOf(draft: Draft): { body: SegmentBody; problems: [] } | { body: null; problems: Problem[] } {
  const id = draft.id.trim();
  const name = draft.name.trim();
  const named = { id, ...(name === '' ? {} : { name }) };
  const missing: Problem[] = id === '' ? [{ pointer: '/id', message: 'a segment needs an id' }] : [];
  if (draft.kind === 'manual') return missing.length > 0 ? { body: null, problems: missing } : { body: { ...named, manual: true }, problems: [] };
  const read = readJson(draft.condition, '/condition');
  const problems = [...missing, ...read.problems];
  return problems.length > 0 ? { body: null, problems } : { body: { ...named, condition: read.value as Condition }, problems: [] };
}

export function kindOf(body: SegmentBody): 'dynamic' | 'manual' {
  return body.manual === true ? 'manual' : 'dynamic';
}

/** Ids as they were pasted, one a line; each once. */
export function idsOf(text: string): string[] {
  return [...new Set(text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== ''))];
}
