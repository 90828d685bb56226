/** A journey's definition as the API gives it, and its ways from step to step. */

import type { Audience, DateEntry, Until, Window } from './times';

export type Condition = { [pathOrNode: string]: unknown };

export interface EventName {
  name: string;
  key?: string;
  any_key?: boolean;
  max_age?: string;
}

export interface Entry {
  event?: EventName;
  date?: DateEntry;
  audience?: Audience;
  segment?: { id: string; on?: 'enter' | 'leave' };
  /** A call that names the journey, or a step `emit`. */
  api?: { key?: string };
  where?: Condition;
  reentry?: string;
  while_active?: 'ignore' | 'restart';
}

export interface ExitRule {
  event?: EventName;
  where?: Condition;
  condition?: Condition;
  /** A segment that the journey is entered by. */
  leaves?: string;
  outcome: string;
}

export interface Branch {
  name?: string;
  event?: EventName;
  where?: Condition;
  count?: number;
  all_of?: { event: EventName; where?: Condition }[];
  message?: { is: string; of?: string[]; link?: string; machine?: 'include' | 'exclude' };
  /** Path of a value. */
  changed?: string;
  condition?: Condition;
  next: string;
}

/** Step of the versions before -> step of this one, exit or stay. */
export type Moves = Record<string, string>;

export interface Consent {
  channel: string;
  subscription?: string;
}

export interface Update {
  set?: Record<string, unknown>;
  unset?: string[];
  increment?: Record<string, number | { from: string }>;
  subscribe?: Consent[];
  unsubscribe?: Consent[];
  add_to?: string[];
  remove_from?: string[];
}

export interface Emit {
  event?: string;
  enter?: string;
  leave?: string;
  properties?: Record<string, unknown>;
  outcome?: string;
  /** Path of a customer's id; else the run's own customer. */
  to?: string;
}

export interface Goal {
  event?: EventName;
  where?: Condition;
  condition?: Condition;
  within: string;
  value?: string;
  end_on_goal?: boolean;
}

/** What a run does where the instant to wait for is past, or where there is none. */
export interface Fallback {
  /** pass, skip, exit, or a step. */
  if_past?: string;
  if_missing?: 'exit' | 'pass' | 'hold';
}

/** What is put off: all or nothing, or each by itself. */
export type Defer = boolean | { quiet_hours?: boolean; caps?: boolean };

export interface Step {
  message?: { channel: string; template: string; class?: string; expires_after?: string; on_refusal?: string; defer?: Defer; windows?: Window[] };
  delay?: { for?: string; until?: Until } & Fallback;
  window?: Window & Fallback;
  wait?: {
    branches: Branch[];
    timeout?: { after?: string; until?: Until; next: string } & Fallback;
    since?: string;
    collect?: string[];
  };
  split?: { branches: Branch[]; else: string };
  experiment?: { id?: string; arms: Record<string, number>; holdout?: number; winner?: Winner };
  update?: Update;
  emit?: Emit;
  jump?: string | { to: string };
  exit?: { outcome: string };
  next?: string | Record<string, string>;
}

export interface Cap {
  limit: number;
  per: string;
  channel?: string;
  tag?: string;
  counts?: 'marketing' | 'all';
}

export interface Winner {
  metric: 'opened' | 'clicked' | 'goal';
  minimum: number;
  hold_rest?: boolean;
  hold_at_most?: string;
}

export interface Settings {
  class?: string;
  priority?: number;
  holdout?: number;
  time_zone?: string;
  starts_at?: string;
  ends_at?: string;
  quiet_hours?: { from: string; to: string } | 'none';
  windows?: Window[];
  defer?: Defer;
  defer_at_most?: string;
  release_spread?: string;
  pace?: { limit: number; per: 'minute' | 'hour' };
  caps?: Cap[];
  tags?: string[];
}

export interface Definition {
  id: string;
  name?: string;
  entry: Entry[];
  exit?: ExitRule[];
  /** Places of the journey, over all its versions. */
  max_entries?: number | { n: number; per: 'occurrence' };
  goal?: Goal;
  settings?: Settings;
  start: string;
  steps: Record<string, Step>;
  migrate?: Moves;
}

export const KINDS = [
  'message', 'delay', 'window', 'wait', 'split', 'experiment', 'update', 'emit', 'jump', 'exit',
] as const;
export type Kind = (typeof KINDS)[number];

/** null: a kind that this screen does not know. */
export function kindOf(step: Step): Kind | null {
  return KINDS.find((kind) => step[kind] !== undefined) ?? null;
}

export interface Way {
  /** Name of the branch, as decisions and counts have it. */
  branch: string;
  to: string;
}

/** Where a step leads; the names are those of `laudstream/journey/graph.py`. */
export function ways(step: Step): Way[] {
  if (step.wait !== undefined) {
    const { branches, timeout } = step.wait;
    const ends = timeout === undefined ? [] : [{ branch: 'timeout', to: timeout.next }];
    return [...branches.map((branch) => ({ branch: waitBranch(branch), to: branch.next })), ...ends, ...past(timeout)];
  }
  if (step.split !== undefined) {
    const named = step.split.branches.map((branch, index) => ({ branch: branch.name ?? String(index + 1), to: branch.next }));
    return [...named, { branch: 'else', to: step.split.else }];
  }
  if (step.experiment !== undefined) {
    const { next } = step;
    return Object.keys(armsOf(step.experiment)).map((arm) => ({ branch: arm, to: typeof next === 'string' ? next : (next?.[arm] ?? '') }));
  }
  if (step.jump !== undefined) return [{ branch: 'next', to: typeof step.jump === 'string' ? step.jump : step.jump.to }];
  if (typeof step.next === 'string') {
    return [{ branch: step.message === undefined ? 'next' : 'sent', to: step.next }, ...past(step.delay ?? step.window)];
  }
  return Object.entries(step.next ?? {}).map(([branch, to]) => ({ branch, to }));
}

/** The way of runs for which the instant is past; `skip` leads where the step that follows leads. */
function past(fallback: Fallback | undefined): Way[] {
  const to = fallback?.if_past;
  return to === undefined || ['pass', 'skip', 'exit'].includes(to) ? [] : [{ branch: 'past', to }];
}

export function waitBranch(branch: Branch): string {
  const kind = branch.all_of !== undefined ? 'all_of' : branch.changed !== undefined ? 'changed' : 'condition';
  return branch.name ?? branch.event?.name ?? branch.message?.is ?? kind;
}

/** Arm -> its share in percent; the holdout arm is one of them. */
export function armsOf({ arms, holdout }: NonNullable<Step['experiment']>): Record<string, number> {
  return holdout === undefined ? arms : { ...arms, holdout };
}
