import { call } from './client';
import type { Attributes } from './customers';

export interface GroupLine {
  id: string;
  traits: Attributes;
  created_at: number | null;
  updated_at: number | null;
  members: number;
  /** There are more members than were counted. */
  more: boolean;
  /** Members whose rows do not hold the newest traits yet. */
  behind: number;
}

export interface GroupMember {
  id: string;
  email: string | null;
  since: number | null;
  /** The row keeps older traits, since it would be too large with the newest. */
  too_large: boolean;
}

export interface Group extends GroupLine {
  too_large: number;
  /** A page of the members. */
  customers: GroupMember[];
  next: string | null;
}

export const groups = (query: string, after: string | null, signal?: AbortSignal) =>
  call<{ groups: GroupLine[]; next: string | null }>(['groups'], { query: { query, after, limit: 50 }, signal });

export const group = (id: string, after: string | null, signal?: AbortSignal) =>
  call<Group>(['groups', id], { query: { after, limit: 50 }, signal });

export const deleteGroup = (id: string) => call<void>(['groups', id], { method: 'DELETE' });
