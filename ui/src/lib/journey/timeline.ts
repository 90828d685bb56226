/** Decisions in plain words: what was chosen for a customer, why, and what was looked at. */

import { dayOf, moment } from '../format/format';
import { pathWords } from './conditions';
import { meaning } from './reasons';

export interface Decision {
  id: string;
  kind: string;
  workspace: string;
  customer: string;
  /** When it counts as having happened, ms. */
  at: number;
  /** When it was made, ms. */
  clock: number;
  n?: number;
  journey?: string;
  version?: number;
  run?: string;
  step?: string;
  visit?: number;
  to?: string;
  branch?: string;
  reason?: string;
  outcome?: string;
  data?: Record<string, unknown>;
}

export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'muted';

export interface Told {
  title: string;
  /** Why; empty where the title says all. */
  why: string;
  tone: Tone;
  icon: string;
}

export function told(decision: Decision): Told {
  return (TELLERS[decision.kind] ?? unknown)(decision);
}

const TELLERS: Record<string, (decision: Decision) => Told> = {
  entered: (d) => ({ title: `Entered, first step ${d.to ?? ''}`, why: entryWhy(d), tone: 'good', icon: 'enter' }),
  not_entered: (d) => ({ title: 'Did not enter', why: because(d), tone: 'muted', icon: 'refuse' }),
  moved,
  message,
  delivery: (d) => {
    const bad = ['bounced', 'complained', 'failed', 'refused'].includes(String(d.data?.kind));
    return { title: `Delivery at ${d.step ?? ''}: ${text(d.data?.kind)}`, why: because(d), tone: bad ? 'warn' : 'plain', icon: 'mail' };
  },
  ended: (d) =>
    d.outcome
      ? { title: `Ended as ${d.outcome}`, why: d.data?.event ? `${text(d.data.event)} met an exit rule` : '', tone: 'good', icon: 'end' }
      : { title: 'Ended without an outcome', why: because(d), tone: 'warn', icon: 'end' },
  goal: (d) => ({ title: 'Reached the goal', why: d.data?.value === undefined ? '' : `value ${text(d.data.value)}`, tone: 'good', icon: 'goal' }),
  failed: (d) => ({ title: `Parked at ${d.step ?? ''} by an error`, why: text(d.data?.error), tone: 'bad', icon: 'warning' }),
  limit: (d) => ({ title: 'A hard limit was met', why: text(d.data?.which), tone: 'warn', icon: 'warning' }),
};

function unknown(decision: Decision): Told {
  return { title: decision.kind.replaceAll('_', ' '), why: because(decision), tone: 'plain', icon: 'dot' };
}

function entryWhy({ data }: Decision): string {
  if (data?.audience === true) return typeof data.number === 'number' ? `occurrence ${data.number} of the audience` : 'belongs to the audience';
  if (data?.date !== undefined) return `the date ${String(data.date)} came`;
  if (data?.event === undefined) return '';
  return data.key === undefined ? `${text(data.event)} arrived` : `${text(data.event)} arrived, key ${text(data.key)}`;
}

function moved(decision: Decision): Told {
  const { step = '', to = '', branch = '', data = {} } = decision;
  return { title: `${step} → ${to}`, why: movedWhy(branch, data), tone: 'plain', icon: 'move' };
}

function movedWhy(branch: string, data: Record<string, unknown>): string {
  if (data.experiment !== undefined) return `arm ${branch} of experiment ${text(data.experiment)}`;
  if (branch === 'timeout') return 'nothing came in time';
  if (branch === 'next') return 'the time was over';
  if (branch === 'sent') return 'the message was requested';
  if (branch === 'refused') return `the message was refused: ${meaning(text(data.reason))}`;
  if (data.event !== undefined) return `${text(data.event)} arrived`;
  return `branch ${branch}`;
}

function message(decision: Decision): Told {
  const { reason = '', data = {} } = decision;
  const template = text(data.template);
  if (reason === '') return { title: `Message ${template} requested`, why: '', tone: 'good', icon: 'mail' };
  if (typeof data.deferred_until === 'number') {
    const why = `${meaning(reason)}; asked again at ${moment(data.deferred_until)}`;
    return { title: `Message ${template} put off`, why, tone: 'warn', icon: 'clock' };
  }
  return { title: `Message ${template} refused`, why: because(decision), tone: 'warn', icon: 'refuse' };
}

function because({ reason }: Decision): string {
  return reason ? meaning(reason) : '';
}

/** Values that were looked at, as pairs to read; ids and what the title says already are left out. */
export function lookedAt(decision: Decision): [name: string, value: string][] {
  const said = new Set(['gates', 'template', 'send_id', 'experiment', 'error', 'deferred_until']);
  const pairs = Object.entries(decision.data ?? {}).filter(([name]) => !said.has(name));
  const worth = pairs.filter(([name]) => !(name === 'event' && pairs.length === 1) && !(name === 'reason'));
  return worth.map(([name, value]) => [pathWords(name), INSTANTS.has(name) && typeof value === 'number' ? moment(value) : text(value)]);
}

const INSTANTS = new Set(['last', 'again', 'timestamp']);

export interface Gate {
  name: string;
  /** Empty: it let the message pass. */
  reason: string;
}

/** The gates of a message, in their order. */
export function gatesOf(decision: Decision): Gate[] {
  const gates = decision.data?.gates;
  if (typeof gates !== 'object' || gates === null) return [];
  return Object.entries(gates)
    .filter(([, value]) => typeof value === 'string')
    .map(([name, value]) => ({ name: name.replaceAll('_', ' '), reason: value === 'pass' ? '' : String(value) }));
}

function text(value: unknown): string {
  if (value === null) return 'nothing';
  if (value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Decisions under the headings of their days, in the order given. */
export function byDay(decisions: Decision[]): [day: string, decisions: Decision[]][] {
  const days = new Map<string, Decision[]>();
  for (const decision of decisions) {
    const day = dayOf(decision.at);
    days.set(day, [...(days.get(day) ?? []), decision]);
  }
  return [...days];
}
