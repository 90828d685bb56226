/** The form of the workspace's settings: what is typed, and the definition that it makes. */

import type { Json } from '../api/customers';
import type { SettingsBody } from '../api/definitions';
import type { Problem } from '../api/problems';
import { prettyJson, readJson } from '../format/json';

export interface Draft {
  time_zone: string;
  quiet: boolean;
  /** HH:MM. */
  from: string;
  to: string;
  /** JSON; empty: none. */
  caps: string;
  /** Percent; empty: nobody. */
  holdout: string;
  /** Duration; empty: as if nothing was set. */
  release_spread: string;
  /** Duration or `none`; empty: as if nothing was set. */
  history: string;
}

export const FIELDS = ['/time_zone', '/quiet_hours', '/caps', '/holdout', '/release_spread', '/history'];

export function draftOf(body: SettingsBody): Draft {
  const quiet = body.quiet_hours;
  const hours = typeof quiet === 'object' && quiet !== null && !Array.isArray(quiet) ? quiet : null;
  return {
    time_zone: String(body.time_zone ?? ''),
    quiet: hours !== null,
    from: String(hours?.from ?? '21:00'),
    to: String(hours?.to ?? '08:00'),
    caps: body.caps === undefined ? '' : prettyJson(body.caps),
    holdout: body.holdout === undefined ? '' : String(body.holdout),
    release_spread: String(body.release_spread ?? ''),
    history: String(body.history ?? ''),
  };
}

/** The definition over `before`, of which it keeps what no field shows; or what stands against it. */
export function bodyOf(draft: Draft, before: SettingsBody): { body: SettingsBody; problems: Problem[] } {
  const { caps, holdout } = draft;
  const read = caps.trim() === '' ? { value: undefined, problems: [] } : readJson(caps, '/caps');
  const share = holdout.trim() === '' ? undefined : Number(holdout);
  const wrong: Problem[] = share !== undefined && Number.isNaN(share) ? [{ pointer: '/holdout', message: 'this is no number', fix: 'write e.g. 5 for 5 %' }] : [];
  const fields: Record<string, Json | undefined> = {
    time_zone: draft.time_zone.trim() || undefined,
    quiet_hours: draft.quiet ? { from: draft.from, to: draft.to } : before.quiet_hours === 'none' ? 'none' : undefined,
    caps: read.value as Json | undefined,
    holdout: share,
    release_spread: draft.release_spread.trim() || undefined,
    history: draft.history.trim() || undefined,
  };
  const entries = Object.entries({ ...before, ...fields }).filter((pair): pair is [string, Json] => pair[1] !== undefined);
  return { body: Object.fromEntries(entries), problems: [...read.problems, ...wrong] };
}
