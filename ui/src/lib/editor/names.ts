/** What the workspace has that a definition can name; what cannot be had now is simply not offered. */

import { segments, subscriptions } from '../api/definitions';
import { journeys } from '../api/journeys';
import { templates } from '../api/templates';
import type { Names } from './completing';

export async function namesHere(): Promise<Names> {
  const [mails, groups, consents, others] = await Promise.all([
    ids(templates().then((found) => found.templates)),
    ids(segments().then((found) => found.items)),
    ids(subscriptions().then((found) => found.items)),
    ids(journeys().then((found) => found.journeys)),
  ]);
  return { templates: mails, segments: groups, subscriptions: consents, journeys: others };
}

async function ids(asked: Promise<{ id: string }[]>): Promise<string[]> {
  try {
    return (await asked).map(({ id }) => id).sort();
  } catch {
    return [];
  }
}
