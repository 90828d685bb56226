/** Whether a text may take the place of what the server has. */

import { journey, journeys, type Journey } from '../api/journeys';
import type { Problem } from '../api/problems';
import { readable } from '../journey/reading';
import { written } from './text';

/** What is there to be edited: the draft, else what is live. */
export const textOf = (found: Journey) => written(readable(found.draft ?? found.body));

/** Of a new one; null: nobody has the id yet. */
export async function taken(id: string): Promise<Problem | null> {
  const { journeys: all } = await journeys();
  if (!all.some((each) => each.id === id)) return null;
  return { pointer: '/id', message: `there is a journey ${id} already`, fix: 'choose another id, or edit that one' };
}

/** Whether somebody saved another text since `begun` was read. */
export const overtaken = async (id: string, begun: string) => textOf(await journey(id)) !== begun;
