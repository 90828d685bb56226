/** Segments, and the settings of the workspace: live as soon as they are published. */

import type { Json } from './customers';
import { call } from './client';
import type { Version } from './journeys';
import type { Condition } from '../journey/definition';

export interface SegmentBody {
  id: string;
  name?: string;
  condition?: Condition;
  /** Its members are listed. */
  manual?: true;
}

/** `publishing`: not every lane has it yet. */
export type DefinitionStatus = 'live' | 'publishing';

export interface Line<Body> {
  id: string;
  name: string;
  status: DefinitionStatus;
  live_version: number;
  updated_at: number | null;
  body: Body;
  /** Why the version was refused after all. */
  problem: string | null;
}

/** A question about the past: everything is counted since then, and of the time before what was kept, back to `reaches`. */
export interface Counted {
  what: 'event' | 'message' | 'run';
  name: string;
  since: number;
  reaches: number;
}

export interface Definition<Body> extends Line<Body> {
  /** Of a segment. */
  counted: Counted[];
  /** The newest first. */
  versions: Version[];
}

export interface Published {
  id: string;
  version: number;
  status: DefinitionStatus;
  /** Every lane has it. */
  seen: boolean;
  /** A new version was made. */
  changed: boolean;
  problem: string | null;
}

export interface Members {
  /** Customers who were not members. */
  added: number;
  /** Customers who were. */
  removed: number;
  /** Ids of nobody. */
  unknown: string[];
}

export type SettingsBody = Record<string, Json>;

const WAIT_S = 10;

export const segments = (signal?: AbortSignal) => call<{ items: Line<SegmentBody>[] }>(['segments'], { signal });

export const segment = (id: string, signal?: AbortSignal) => call<Definition<SegmentBody>>(['segments', id], { signal });

export const subscriptions = () => call<{ items: Line<unknown>[] }>(['subscriptions']);

export const publishSegment = (id: string, body: unknown) =>
  call<Published>(['segments', id], { method: 'PUT', query: { wait: WAIT_S }, body });

export const deleteSegment = (id: string) => call<void>(['segments', id], { method: 'DELETE' });

export const changeMembers = (id: string, change: { add: string[] } | { remove: string[] }) =>
  call<Members>(['segments', id, 'members'], { method: 'POST', body: change });

/** Version 0: nothing was saved yet. */
export const settings = (signal?: AbortSignal) => call<Definition<SettingsBody>>(['settings'], { signal });

export const saveSettings = (body: SettingsBody) =>
  call<Published>(['settings'], { method: 'PUT', query: { wait: WAIT_S }, body });

/** What a publish came to, in a sentence. */
export function publishedWords({ version, changed, seen }: Published): string {
  if (!changed) return `Nothing changed: version ${version} says the same.`;
  return seen ? `Version ${version} is live.` : `Version ${version} is published; not every lane has it yet.`;
}
