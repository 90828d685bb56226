/** Deleting a customer, in words. */

import { ApiError } from '../api/problems';

/** Whether what was typed is the id; what a paste brings around it does not count. */
export function isTyped(typed: string, id: string): boolean {
  return typed === id || typed.trim() === id;
}

/** What stands above the reason that the API gives; empty: what stands there otherwise. */
export function erasureRefused(error: Error): string {
  return error instanceof ApiError && error.status === 404 ? 'This customer is gone already' : '';
}

export const erased = (id: string) => `${id} is deleted.`;
