/** A preview in words. */

import type { Preview } from '../api/segments';
import { count, plural, share } from '../format/format';

/** `About 24,900 of 100,000 customers`, with between what it lies; exact once all were looked at. */
export function previewWords(found: Preview): string {
  const of = `of ${plural(found.customers, 'customer')}`;
  if (found.next !== null) return `${found.low === found.high ? '' : 'Between '}${range(found)} ${of}`;
  if (found.open === 0) return `${count(found.matching)} ${of}${found.customers > 0 ? ` (${share(found.matching, found.customers)})` : ''}`;
  return `${range(found)} ${of}`;
}

function range({ low, high, next }: Preview): string {
  if (low === high) return count(low);
  return next === null ? `${count(low)} to ${count(high)}` : `${count(low)} and ${count(high)}`;
}

/** Why a count is no single number; empty: it is one. */
export function openWords(found: Preview): string {
  if (found.unknown.length === 0 || found.open === 0) return '';
  const parts = found.unknown.map((part) => part.replace(':', ' ')).join(', ');
  return `Only the lanes know about ${parts}: count exactly to ask them.`;
}
