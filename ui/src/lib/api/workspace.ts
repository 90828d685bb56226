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
  /** Requested. */
  messages: number;
  /** Of all journeys, also to customers who are deleted since. */
  messages_sent: number;
  dead_letters: number;
}

/** With which webhooks are signed; null: they are not. */
export const webhookSecret = () => call<{ secret: string | null }>(['webhooks', 'secret']);

export const workspace = (signal?: AbortSignal) => call<Workspace>(['workspace'], { signal });

export const overview = (signal?: AbortSignal) => call<Overview>(['overview'], { signal });
