/** What `update` and `emit` do, in plain words. */

import type { Consent, Emit, Update } from './definition';
import { pathWords } from './paths';

/** `Change plan and orders`, `Subscribe to email`. */
export function updateTitle(update: Update): string {
  const names = [...Object.keys(update.set ?? {}), ...(update.unset ?? []), ...Object.keys(update.increment ?? {})];
  const groups = [...(update.add_to ?? []), ...(update.remove_from ?? [])];
  if (names.length > 0) return `Change ${some(names)}`;
  if (groups.length > 0) return `Change segment ${some(groups)}`;
  if ((update.subscribe ?? []).length === 0) return `Unsubscribe from ${some((update.unsubscribe ?? []).map(consent))}`;
  return `Subscribe to ${some((update.subscribe ?? []).map(consent))}`;
}

/** `plan = “pro” · orders + 1 · into vip`. */
export function updateDetail(update: Update): string {
  return [
    ...Object.entries(update.set ?? {}).map(([name, value]) => `${name} = ${valueWords(value)}`),
    ...(update.unset ?? []).map((name) => `${name} removed`),
    ...Object.entries(update.increment ?? {}).map(([name, amount]) => `${name} + ${valueWords(amount)}`),
    ...(update.subscribe ?? []).map((each) => `subscribed to ${consent(each)}`),
    ...(update.unsubscribe ?? []).map((each) => `unsubscribed from ${consent(each)}`),
    ...(update.add_to ?? []).map((name) => `into ${name}`),
    ...(update.remove_from ?? []).map((name) => `out of ${name}`),
  ].join(' · ');
}

export function emitTitle(emit: Emit): string {
  if (emit.enter !== undefined) return `Enter ${emit.enter}`;
  return emit.leave === undefined ? `Emit ${emit.event ?? 'an event'}` : `Leave ${emit.leave}`;
}

export function emitDetail(emit: Emit): string {
  const properties = Object.entries(emit.properties ?? {}).map(([name, value]) => `${name} = ${valueWords(value)}`);
  return [...(emit.to === undefined ? [] : [`for the customer ${pathWords(emit.to)}`]), ...properties].join(' · ');
}

function valueWords(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'from' in value) return pathWords(String(value.from));
  return typeof value === 'string' ? `“${value}”` : JSON.stringify(value);
}

function consent({ channel, subscription }: Consent): string {
  return subscription === undefined ? channel : `${subscription} (${channel})`;
}

function some(names: string[]): string {
  const shown = names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} more`] : names;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
