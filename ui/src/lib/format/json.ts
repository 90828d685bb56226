/** JSON that people type. */

import type { Problem } from '../api/problems';

/** The value, or what is wrong with the text, told at `pointer`. */
export function readJson(text: string, pointer: string): { value: unknown; problems: Problem[] } {
  try {
    return { value: JSON.parse(text) as unknown, problems: [] };
  } catch (error) {
    const why = text.trim() === '' ? 'nothing is written here' : `this is no JSON: ${(error as Error).message}`;
    return { value: null, problems: [{ pointer, message: why }] };
  }
}
