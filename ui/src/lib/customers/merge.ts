/** Merging a customer into another one, in words. */

import type { Merged } from '../api/customers';
import { ApiError } from '../api/problems';

/** What stands above the reason that the API gives; empty: what stands there otherwise. */
export function refusal(error: Error): string {
  if (!(error instanceof ApiError)) return '';
  return { 404: 'There is no such customer', 409: 'Customers cannot be merged yet' }[error.status] ?? '';
}

export function done(source: string, { id, merged }: Merged): string {
  if (merged) return `${source} goes on as ${id}.`;
  return source === id ? `That is another id of ${id}.` : `${source} and ${id} were one customer already.`;
}
