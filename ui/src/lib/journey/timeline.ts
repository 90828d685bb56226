/** Decisions in plain words: what was chosen for a customer, why, and what was looked at. */

import { dayOf, moment, plural } from '../format/format';
import { meaning } from './reasons';
import { pathWords } from './paths';

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
  migrated: ({ step = '', to = '', version, data }) => {
    const why = `from version ${text(data?.of)} to version ${version ?? ''}${data?.deferred === undefined ? '' : '; the message that was put off ended'}`;
    return { title: `${step} → ${to}`, why, tone: 'plain', icon: 'move' };
  },
  message,
  delivery: (d) => {
    const bad = ['bounced', 'complained', 'failed', 'refused'].includes(String(d.data?.kind));
    return { title: `Delivery at ${d.step ?? ''}: ${text(d.data?.kind)}`, why: because(d), tone: bad ? 'warn' : 'plain', icon: 'mail' };
  },
  ended: (d) =>
    d.outcome
      ? { title: `Ended as ${d.outcome}`, why: endWhy(d), tone: 'good', icon: 'end' }
      : { title: 'Ended without an outcome', why: because(d), tone: 'warn', icon: 'end' },
  goal: (d) => ({ title: 'Reached the goal', why: d.data?.value === undefined ? '' : `value ${text(d.data.value)}`, tone: 'good', icon: 'goal' }),
  failed: (d) => {
    const segment = d.data?.segment;
    const title = segment === undefined ? `Parked at ${d.step ?? ''} by an error` : `Segment ${text(segment)} met an error`;
    return { title, why: text(d.data?.error), tone: 'bad', icon: 'warning' };
  },
  limit: (d) => ({ title: 'A hard limit was met', why: text(d.data?.which), tone: 'warn', icon: 'warning' }),
  merged: ({ customer, data }) => {
    const part = data?.part === undefined ? '' : `, part ${text(data.part)} of ${text(data.parts)}`;
    return data?.into === undefined
      ? { title: `Took in ${text(data?.from)}`, why: `two customers became one${part}`, tone: 'plain', icon: 'merge' }
      : { title: `${customer} goes on as ${text(data.into)}`, why: `its runs and its history were handed over${part}`, tone: 'plain', icon: 'merge' };
  },
  segment: ({ data }) => {
    const entered = data?.change === 'entered';
    const why = BECAUSE[text(data?.because)] ?? text(data?.because);
    return { title: `${entered ? 'Entered' : 'Left'} segment ${text(data?.segment)}`, why, tone: entered ? 'good' : 'plain', icon: 'segments' };
  },
};

const BECAUSE: Record<string, string> = {
  input: 'by what came in',
  time: 'by time alone',
  runs: 'by what a run did',
  definition: 'the segment was defined anew',
};

function unknown(decision: Decision): Told {
  return { title: decision.kind.replaceAll('_', ' '), why: because(decision), tone: 'plain', icon: 'dot' };
}

function entryWhy({ data }: Decision): string {
  if (data?.audience === true) return typeof data.number === 'number' ? `occurrence ${data.number} of the audience` : 'belongs to the audience';
  if (data?.signal !== undefined) return `the signal ${text(data.signal)} came`;
  if (data?.date !== undefined) return `the date ${String(data.date)} came`;
  if (data?.segment !== undefined) return `${data.on === 'leave' ? 'left' : 'entered'} segment ${text(data.segment)}`;
  if (data?.api === true) return data.key === undefined ? 'by a call' : `by a call, key ${text(data.key)}`;
  if (data?.event === undefined) return '';
  return data.key === undefined ? `${text(data.event)} arrived` : `${text(data.event)} arrived, key ${text(data.key)}`;
}

function endWhy({ data = {} }: Decision): string {
  if (data.left !== undefined) return `left segment ${text(data.left)}`;
  if (data.event === 'leave') return 'another run or a call took it out';
  return data.event === undefined ? '' : `${text(data.event)} met an exit rule`;
}

function moved(decision: Decision): Told {
  const { step = '', to = '', branch = '', data = {} } = decision;
  return { title: `${step} → ${to}`, why: movedWhy(branch, data), tone: 'plain', icon: 'move' };
}

function movedWhy(branch: string, data: Record<string, unknown>): string {
  if (data.experiment !== undefined) return `arm ${branch} of experiment ${text(data.experiment)}`;
  if (data.reason !== undefined && branch !== 'refused') return `${emitted(data)}${meaning(text(data.reason))}`;
  if (branch === 'past' || branch === 'skip') return meaning('if_past');
  if (branch === 'timeout') return 'nothing came in time';
  if (branch === 'next') return emitted(data).replace(/: $/, '');
  if (branch === 'sent') return 'the message was requested';
  if (branch === 'refused') return `the message was refused: ${meaning(text(data.reason))}`;
  if (branch === 'all_of' && data.event !== undefined) return `all have arrived, ${text(data.event)} as the last`;
  if (data.event !== undefined) return `${text(data.event)} arrived`;
  if (data.kind !== undefined && data.of !== undefined) return newsWords(data);
  const change = changeOf(data);
  if (change !== null) return `${pathWords(change)} changed from ${text(data.was)} to ${text(data[change])}`;
  return `branch ${branch}`;
}

/** What a step `emit` did. */
function emitted(data: Record<string, unknown>): string {
  const to = data.to === undefined ? '' : ` for ${text(data.to)}`;
  if (data.track !== undefined) return `${text(data.track)} was emitted${to}: `;
  if (data.enter !== undefined) return `into journey ${text(data.enter)}${to}: `;
  return data.leave === undefined ? '' : `out of journey ${text(data.leave)}${to}: `;
}

/** `the message at remind was clicked: https://…` */
function newsWords(data: Record<string, unknown>): string {
  return `the message at ${text(data.of)} was ${text(data.kind)}${data.link === undefined ? '' : `: ${text(data.link)}`}`;
}

/** Path of the value that changed; null: the decision is of something else. */
function changeOf(data: Record<string, unknown>): string | null {
  const names = Object.keys(data);
  return names.length === 2 && 'was' in data ? (names.find((name) => name !== 'was') ?? null) : null;
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
  const data = decision.data ?? {};
  const change = decision.kind === 'moved' ? changeOf(data) : null;
  const pairs = Object.entries(data).filter(([name]) => !SAID.has(name) && !SAID_BY[decision.kind]?.has(name) && change === null);
  const worth = pairs.filter(([name]) => !(name === 'event' && pairs.length === 1));
  return worth.map(([name, value]) => [seenName(name), INSTANTS.has(name) && typeof value === 'number' ? moment(value) : seenWords(name, value)]);
}

const SAID = new Set(['gates', 'template', 'send_id', 'experiment', 'error', 'deferred_until', 'reason']);
const SAID_BY: Record<string, Set<string>> = {
  entered: new Set(['segment', 'on', 'api', 'key', 'audience', 'signal']),
  moved: new Set(['kind', 'of', 'link', 'track', 'enter', 'leave', 'to']),
  migrated: new Set(['of', 'migration', 'deferred']),
  delivery: new Set(['kind']),
  ended: new Set(['left']),
  failed: new Set(['segment']),
  limit: new Set(['which', 'query']),
  merged: new Set(['into', 'from', 'merge', 'part', 'parts']),
  segment: new Set(['segment', 'version', 'change', 'because']),
};
const INSTANTS = new Set(['last', 'again', 'timestamp', 'due']);

/** `segment:vip` → `segment vip`, `event:order_completed/2` → `order_completed`. */
function seenName(name: string): string {
  const [, subject = '', about = ''] = /^(event|message|run|segment|consent|bucket):(.*?)(?:\/\d+)?$/.exec(name) ?? [];
  if (subject === '') return pathWords(name);
  if (subject === 'event') return about;
  return `${SUBJECTS[subject] ?? subject} ${about.replace('/', ', ')}`;
}

const SUBJECTS: Record<string, string> = { message: 'messages', run: 'journey', consent: 'consent to' };

/** What a condition saw of a subject: how often and when last, whether a member, … */
function seenWords(name: string, value: unknown): string {
  if (name.startsWith('bucket:')) return `${text(value)} %`;
  if (name.startsWith('run:') && typeof value === 'boolean') return value ? 'active' : 'not active';
  if (typeof value !== 'object' || value === null || !/^[a-z]+:/.test(name)) return text(value);
  const { member, version, count, last, at, first } = value as Record<string, unknown>;
  if (typeof member === 'boolean') return `${member ? 'a member' : 'not a member'}${version ? `, version ${text(version)}` : ''}`;
  if (typeof count === 'number') return count === 0 ? 'never' : `${plural(count, 'time')}${typeof last === 'number' ? `, last ${moment(last)}` : ''}`;
  if (typeof at !== 'number') return text(value);
  return at === 0 ? 'never' : `${moment(at)}: ${text(last ?? first)}`;
}

const ORDER = [
  'id', 'kind', 'customer', 'journey', 'version', 'run', 'step', 'visit', 'to', 'branch', 'reason', 'outcome', 'data', 'at', 'clock', 'n', 'workspace',
];

/** The whole record in the order in which one reads it; what is newer than this screen comes last. */
export function ordered(decision: Decision): Record<string, unknown> {
  const given = Object.entries(decision);
  const place = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return Object.fromEntries(given.sort(([a], [b]) => place(a) - place(b)));
}

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
