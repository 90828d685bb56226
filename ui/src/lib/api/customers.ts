import type { Decision } from '../journey/timeline';
import { call } from './client';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Attributes = Record<string, Json>;

export interface CustomerLine {
  id: string;
  email: string | null;
  created_at: number;
  attributes: Attributes;
}

export interface Run {
  id: string;
  journey: string;
  version: number;
  /** Where it is; the last step once it has ended. */
  step: string;
  entered_at: number | null;
  moved_at: number | null;
  ended_at: number | null;
  outcome: string | null;
  reason: string | null;
  /** Experiment -> arm. */
  arms: Record<string, string>;
}

export interface Consent {
  channel: string;
  /** Empty: the whole channel. */
  subscription: string;
  status: string;
  updated_at: number | null;
}

export interface Suppression {
  channel: string;
  reason: string;
  updated_at: number | null;
}

export interface Membership {
  id: string;
  name: string;
  since: number | null;
}

export interface Belongs {
  id: string;
  since: number | null;
  /** The row does not hold the newest traits yet. */
  behind: boolean;
  /** It keeps older ones, since it would be too large with the newest. */
  too_large: boolean;
}

export interface Customer extends CustomerLine {
  /** Its traits are the attribute `group`. */
  group: Belongs | null;
  /** Those that the customer is in. */
  segments: Membership[];
  runs: Run[];
  consents: Consent[];
  suppressions?: Suppression[];
  /** Ids of customers who were merged into this one, the last one first. */
  aliases?: string[];
}

export interface Merged {
  /** Who both are now. */
  id: string;
  /** They were two before. */
  merged: boolean;
}

export interface CustomerPage {
  customers: CustomerLine[];
  next: string | null;
}

export interface Timeline {
  /** The newest first. */
  decisions: Decision[];
  next: string | null;
}

export const customers = (query: string, after: string | null, signal?: AbortSignal) =>
  call<CustomerPage>(['customers'], { query: { query, after, limit: 50 }, signal });

export const customer = (id: string, signal?: AbortSignal) => call<Customer>(['customers', id], { signal });

export const mergeCustomer = (id: string, into: string) => call<Merged>(['customers', id, 'merge'], { method: 'POST', body: { into } });

/** Also of one who is known by other ids: all of it goes. */
export const eraseCustomer = (id: string) => call<void>(['customers', id], { method: 'DELETE' });

export const timeline = (id: string, before: string | null, signal?: AbortSignal) =>
  call<Timeline>(['customers', id, 'timeline'], { query: { before, limit: 50 }, signal });
