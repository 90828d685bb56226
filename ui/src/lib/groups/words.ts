/** Groups in words. */

import type { Group, GroupLine } from '../api/groups';
import type { Attributes } from '../api/customers';
import { count, plural } from '../format/format';

/** The trait `name`, else the id. */
export function groupName(id: string, { name }: Attributes): string {
  return typeof name === 'string' && name.trim() !== '' ? name : id;
}

/** `1,234`; `10,000+` where more are there than were counted. */
export function membersWords({ members, more }: Pick<GroupLine, 'members' | 'more'>): string {
  return `${count(members)}${more ? '+' : ''}`;
}

/** What becomes of the members when the group is deleted; empty: it has none. */
export function stayWords(line: Pick<GroupLine, 'members' | 'more'>): string {
  if (line.members === 0) return '';
  const who = line.members === 1 ? 'Its one member stays a customer' : `Its ${membersWords(line)} members stay customers`;
  return `${who} and may enter or leave segments, since there is no group any more.`;
}

/** What is not yet, or will not be, as the traits say; one line each. */
export function lagWords({ behind, too_large: large }: Pick<Group, 'behind' | 'too_large'>): string[] {
  const follow = behind === 1 ? 'its row follows by itself' : 'their rows follow by themselves';
  const words = behind > 0 ? [`${plural(behind, 'member')} ${behind === 1 ? 'does' : 'do'} not have the newest traits yet; ${follow}.`] : [];
  const rows = large === 1 ? 'its row' : 'their rows';
  if (large > 0) words.push(`${plural(large, 'member')} ${large === 1 ? 'keeps' : 'keep'} older traits, since ${rows} would be too large with the newest.`);
  return words;
}
