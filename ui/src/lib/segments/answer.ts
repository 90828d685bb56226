/** What became of a change of members, in words. */

import type { Members } from '../api/definitions';
import { plural } from '../format/format';

/** `2 customers added, 1 was in it already.` Nothing where nobody was found. `asked`: how many ids were given. */
export function membersWords(answer: Members, asked: number, way: 'add' | 'remove'): string {
  const done = way === 'add' ? answer.added : answer.removed;
  const same = asked - done - answer.unknown.length;
  if (done === 0 && same <= 0) return '';
  const words = `${plural(done, 'customer')} ${way === 'add' ? 'added' : 'taken out'}`;
  if (same <= 0) return `${words}.`;
  const state = way === 'add' ? 'in it already' : 'not in it';
  return `${words}, ${same === 1 ? '1 was' : `${same} were`} ${state}.`;
}
