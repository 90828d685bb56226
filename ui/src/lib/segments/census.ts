/** A count by lanes in words. */

import type { Census } from '../api/segments';
import { count, plural, share } from '../format/format';
import type { Condition, Entry } from '../journey/definition';

/** `1,234 of 100,000 customers (1%)`; as far as the lanes are, while some still count. */
export function censusWords(found: Census): string {
  const of = `${count(found.matching)} of ${plural(found.looked_at, 'customer')}`;
  return found.done && found.looked_at > 0 ? `${of} (${share(found.matching, found.looked_at)})` : of;
}

/** What the number leaves out; one line each. */
export function censusDoubts(found: Census): string[] {
  const parts = found.unseen.map((part) => part.replace(':', ' ')).join(', ');
  const doubts = parts === '' ? [] : [`Kept only from a publish on: ${parts}. Nobody counts as having done that before.`];
  if (found.failed > 0) doubts.push(`${plural(found.failed, 'customer')} could not be asked: a value is not what the condition is made for.`);
  return doubts;
}

/** What an audience asks of its customers; null: it asks nothing, or what only the run knows. */
export function audienceCondition(entry: Entry): Condition | null {
  if (entry.audience === undefined || entry.where === undefined) return null;
  return paths(entry.where).some((path) => path.startsWith('entry.')) ? null : entry.where;
}

/** Paths and values named `entry.…` may stand at any depth. */
function paths(part: unknown): string[] {
  if (typeof part === 'string') return [part];
  if (Array.isArray(part)) return part.flatMap(paths);
  return typeof part !== 'object' || part === null ? [] : [...Object.keys(part), ...Object.values(part).flatMap(paths)];
}
