/** The reasons of `laudstream/journey/reasons.py` with their meanings; `npm run reasons` brings them here. */

import words from './reasons.json';

export const REASONS: Readonly<Record<string, string>> = words;

/** What a reason means; the word itself if it is newer than this screen. */
export function meaning(reason: string): string {
  return REASONS[reason] ?? reason.replaceAll('_', ' ');
}
