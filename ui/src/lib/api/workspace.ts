import { call } from './client';

export interface Workspace {
  id: string;
  name: string;
  time_zone: string;
  /** Last characters of the newest write key. */
  write_key_hint: string | null;
  development: boolean;
}

export interface Overview {
  customers: number;
  journeys_live: number;
  runs_entered: number;
  runs_active: number;
  messages: number;
  messages_today: number;
  dead_letters: number;
}

export const workspace = (signal?: AbortSignal) => call<Workspace>(['workspace'], { signal });

export const overview = (signal?: AbortSignal) => call<Overview>(['overview'], { signal });
