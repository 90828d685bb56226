/** What publishing would do to the people of a journey, in words. */

import type { Going } from '../api/journeys';
import { plural } from '../format/format';

/** `go to look`, `end as migrated`, `stay on version 2` */
export function goingWords({ version, to, parked }: Going): string {
  if (parked) return 'stay: an error holds them';
  if (to === 'exit') return 'end as migrated';
  return to === 'stay' ? `stay on version ${version}` : `go to ${to}`;
}

/** `12 runs move, 3 end, 40 stay` */
export function totalWords(cells: Going[]): string {
  const [move, end, stay] = [0, 1, 2].map((kind) => cells.filter((cell) => kindOf(cell) === kind).reduce((sum, cell) => sum + cell.runs, 0));
  if (cells.length === 0) return 'Nobody is in it now.';
  return `${plural(move ?? 0, 'run')} ${move === 1 ? 'moves' : 'move'}, ${end} end, ${stay} stay.`;
}

function kindOf({ to, parked }: Going): number {
  return parked || to === 'stay' ? 2 : to === 'exit' ? 1 : 0;
}

/** A share in per cent that a trial may have; null: it is none. */
export function shareOf(text: string): number | null {
  const share = Number(text.trim().replace(',', '.'));
  return text.trim() !== '' && share >= 0.01 && share <= 99.99 ? share : null;
}
