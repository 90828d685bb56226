/** A definition in the order in which one reads it: PostgreSQL keeps the keys of JSON by their length. */

import { KINDS, type Definition, type Step } from './definition';
import { stepsInOrder } from './graph';

const FIRST = ['id', 'name', 'entry', 'exit', 'max_entries', 'goal', 'settings', 'start'];
const LAST = ['steps', 'migrate'];

/** Who comes in, who leaves, then the steps from the start on, each with what it does first; what is newer than this screen is kept. */
export function readable(definition: Definition): Definition {
  const steps = Object.fromEntries(stepsInOrder(definition).map((name) => [name, sorted(definition.steps[name] ?? {}, KINDS, ['next'])]));
  return sorted({ ...definition, steps } satisfies Definition, FIRST, LAST);
}

function sorted<T extends Definition | Step>(given: T, first: readonly string[], last: readonly string[]): T {
  const place = (key: string) => (first.includes(key) ? first.indexOf(key) : first.length + 1 + last.indexOf(key));
  return Object.fromEntries(Object.entries(given).sort(([a], [b]) => place(a) - place(b))) as T;
}
