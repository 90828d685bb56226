/** Whether a text may take the place of what the server has. */

import { journey, type Journey } from '../api/journeys';
import { ApiError, type Problem } from '../api/problems';
import { readable } from '../journey/reading';
import { written } from './text';

/** What is there to be edited: the draft, else what is live. */
export const textOf = (found: Journey) => written(readable(found.draft ?? found.body));

/** Of a new one; null: nobody has the id yet. */
export async function taken(id: string): Promise<Problem | null> {
  if ((await there(id)) === null) return null;
  return { pointer: '/id', message: `there is a journey ${id} already`, fix: 'choose another id, or edit that one' };
}

/** Whether somebody saved another text since `begun` was read. */
export async function overtaken(id: string, begun: string): Promise<boolean> {
  const found = await there(id);
  return found === null || textOf(found) !== begun;
}

async function there(id: string): Promise<Journey | null> {
  try {
    return await journey(id);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
