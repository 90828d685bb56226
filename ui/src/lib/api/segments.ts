/** Who is in a segment, and who would be. */

import { call } from './client';
import type { Json } from './customers';
import type { Condition } from '../journey/definition';

export interface Member {
  id: string;
  email: string | null;
  since: number | null;
}

export interface MemberPage {
  customers: Member[];
  /** All that are in it. */
  count: number;
  next: string | null;
}

export interface Sampled {
  id: string;
  email: string | null;
  looked_at: Record<string, Json>;
}

/** What a preview has found so far. */
export interface Preview {
  customers: number;
  looked_at: number;
  matching: number;
  /** Of those looked at: it depends on what only lanes know. */
  open: number;
  low: number;
  high: number;
  unknown: string[];
  sample: Sampled[];
  /** Goes on from here; null: all were looked at. */
  next: string | null;
}

export const members = (id: string, after: string | null, signal?: AbortSignal) =>
  call<MemberPage>(['segments', id, 'customers'], { query: { after, limit: 50 }, signal });

const preview = (condition: Condition, after: string, signal: AbortSignal) =>
  call<Preview>(['segments', 'preview'], { method: 'POST', body: { condition, after }, signal });

/** An estimate that gets better until all customers were looked at; with the first sample that there is. */
export async function* previewed(condition: Condition, signal: AbortSignal): AsyncGenerator<Preview> {
  let sample: Sampled[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const part: Preview = await preview(condition, after, signal);
    if (sample.length === 0) sample = part.sample;
    yield { ...part, sample };
    after = part.next;
  }
}

/** A count by lanes: exact, as far as they are. */
export interface Census {
  id: number;
  done: boolean;
  lanes: number;
  /** Lanes that there are. */
  of: number;
  looked_at: number;
  matching: number;
  /** Asking them was an error; they do not match. */
  failed: number;
  /** Parts that are kept from a publish on only. */
  unseen: string[];
  sample: Sampled[];
}

const takeCensus = (condition: Condition, signal: AbortSignal) =>
  call<Census>(['censuses'], { method: 'POST', query: { wait: 1 }, body: { condition }, signal });

const census = (id: number, signal: AbortSignal) => call<Census>(['censuses', String(id)], { query: { wait: 2 }, signal });

/** How far the lanes are, until all have counted. */
export async function* counted(condition: Condition, signal: AbortSignal): AsyncGenerator<Census> {
  let part = await takeCensus(condition, signal);
  yield part;
  while (!part.done) {
    part = await census(part.id, signal);
    yield part;
  }
}
