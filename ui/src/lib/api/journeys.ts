import type { Definition } from '../journey/definition';
import { call } from './client';
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
  messages: number;
  /** Why what was published last was refused. */
  problem: string | null;
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

export type Action = 'publish' | 'pause' | 'resume' | 'stop';

export const journeys = (signal?: AbortSignal) => call<{ journeys: JourneyLine[] }>(['journeys'], { signal });

export const journey = (id: string, version: number | null = null, signal?: AbortSignal) =>
  call<Journey>(['journeys', id], { query: { version }, signal });

export const stats = (id: string, version: number | null = null, signal?: AbortSignal) =>
  call<Stats>(['journeys', id, 'stats'], { query: { version }, signal });

export const act = (id: string, action: Action) =>
  call<Moved>(['journeys', id, action], { method: 'POST', query: { wait: 10 } });
