import type { Schema } from '../editor/schema';
import type { Definition } from '../journey/definition';
import { call } from './client';
import type { Counted } from './definitions';
import type { Problem } from './problems';

export type JourneyStatus = 'draft' | 'publishing' | 'live' | 'paused' | 'draining' | 'stopped';

export interface JourneyLine {
  id: string;
  name: string;
  status: JourneyStatus;
  live_version: number | null;
  /** There is a draft that is not published. */
  drafted: boolean;
  updated_at: number | null;
  entered: number;
  active: number;
  completed: number;
  /** Requested. */
  messages: number;
  /** Messages, also to customers who are deleted since. */
  sent: number;
  /** Why what was published last was refused. */
  problem: string | null;
  trial: Trial | null;
}

/** A version beside the live one, and its share in per cent of those who enter. */
export interface Trial {
  version: number;
  share: number;
}

export interface Version {
  version: number;
  published_at: number | null;
}

export interface Journey {
  id: string;
  name: string;
  status: JourneyStatus;
  live_version: number | null;
  /** The version that was asked for, else the live one, else the draft. */
  body: Definition;
  updated_at: number | null;
  /** The newest first. */
  versions?: Version[];
  warnings?: Problem[];
  /** Saved after the live version was published. */
  draft?: Definition | null;
  problem?: string | null;
  trial?: Trial | null;
  /** What the live version counts of the past. */
  counted?: Counted[];
}

export type Counts = Record<string, number>;

export interface StepStats {
  arrived: number;
  here: number;
  left: Counts;
  ended: Counts;
  requested: number;
  sent: number;
  delivered: number;
  opened: number;
  clicked: number;
  bounced: number;
  complained: number;
  refused: Counts;
  failed: number;
  unknown: number;
}

export interface Stats {
  version: number | null;
  entered: number;
  active: number;
  ended: Counts;
  not_entered: Counts;
  steps: Record<string, Partial<StepStats>>;
}

export interface Moved {
  version: number;
  status: JourneyStatus;
  /** Every lane has read it. */
  seen: boolean;
  problem?: string | null;
}

export type Action = 'publish' | 'pause' | 'resume' | 'drain' | 'stop';

/** What is done with versions rather than with the journey as a whole. */
export type VersionAction = 'promote' | 'withdraw';

export interface VersionLine extends Version {
  /** live: it takes entries; trial: it takes a share of them; past: it takes none. */
  state: 'live' | 'trial' | 'past';
  /** Of a trial, in per cent of those who enter. */
  share: number | null;
  /** That are on it now. */
  runs: number;
  restored_from: number | null;
  /** It came with a migration map. */
  migrates: boolean;
}

export const journeys = (signal?: AbortSignal) => call<{ journeys: JourneyLine[] }>(['journeys'], { signal });

export const journey = (id: string, version: number | null = null, signal?: AbortSignal) =>
  call<Journey>(['journeys', id], { query: { version }, signal });

/** Of a published version. */
export const versionBody = async (id: string, version: number) =>
  (await call<{ body: Definition }>(['journeys', id, 'versions', String(version)])).body;

export const stats = (id: string, version: number | null = null, signal?: AbortSignal) =>
  call<Stats>(['journeys', id, 'stats'], { query: { version }, signal });

export const versions = (id: string, signal?: AbortSignal) =>
  call<{ versions: VersionLine[] }>(['journeys', id, 'versions'], { signal });

/** People of one version at one step, and where a map would take them. */
export interface Going {
  version: number;
  step: string;
  /** A step of the new version, exit or stay. */
  to: string;
  /** An error holds them: they stay, whatever the map says. */
  parked: boolean;
  people: number;
  runs: number;
}

export interface DryRun {
  /** To ask again with; null: the journey was never published. */
  order: number | null;
  /** Every lane has counted. */
  done: boolean;
  cells: Going[];
}

export const dryRun = (id: string, migrate: Record<string, string>, order: number | null, signal?: AbortSignal) =>
  call<DryRun>(['journeys', id, 'dry-run'], { method: 'POST', query: { wait: 5 }, body: { migrate, ...(order === null ? {} : { order }) }, signal });

export interface Checked {
  /** Each stops a publish. */
  problems: Problem[];
  doubts: Problem[];
}

/** What a publish would say of a definition; nothing is kept. `thorough`: also whether the audience would be anybody. */
export const check = (body: Record<string, unknown>, thorough: boolean, signal?: AbortSignal) =>
  call<Checked>(['check', 'journey'], { method: 'POST', query: { thorough: thorough ? 'true' : null }, body, signal });

/** The JSON Schema of a definition. */
export const schema = () => call<Schema>(['schema', 'journey']);

export const saveDraft = (id: string, body: Record<string, unknown>) =>
  call<{ warnings: Problem[] }>(['journeys', id], { method: 'PUT', body });

/** The draft, for all who enter or, with a share in per cent, on trial beside the live version. */
export const publish = (id: string, share: number | null) =>
  call<Moved>(['journeys', id, 'publish'], { method: 'POST', query: { wait: 10, share } });

export const restore = (id: string, version: number) =>
  call<Moved>(['journeys', id, 'restore'], { method: 'POST', query: { wait: 10 }, body: { version } });

export const act = (id: string, action: Action | VersionAction) =>
  call<Moved>(['journeys', id, action], { method: 'POST', query: { wait: 10 } });
