/** Decisions in plain words: what was chosen for a customer, why, and what was looked at. */

import { dayOf, moment } from '../format/format';
import { IDS, stepWords, templateOf, type Names } from './naming';
import { meaning } from './reasons';
import { pathWords } from './paths';
import { changeOf, text } from './seen';
import { branchWords } from './words';

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

export function told(decision: Decision, names: Names = IDS): Told {
  return (TELLERS[decision.kind] ?? unknown)(decision, names);
}

export const isTold = (kind: string) => kind in TELLERS;

const TELLERS: Record<string, (decision: Decision, names: Names) => Told> = {
  entered: (d, names) => ({ title: `Entered, first step: ${stepWords(names, d, d.to ?? '')}`, why: entryWhy(d, names), tone: 'good', icon: 'enter' }),
  not_entered: (d) => ({ title: 'Did not enter', why: because(d), tone: 'muted', icon: 'refuse' }),
  moved,
  migrated: (d, names) => {
    const before = { journey: d.journey, version: typeof d.data?.of === 'number' ? d.data.of : undefined };
    const why = `from version ${text(d.data?.of)} to version ${d.version ?? ''}${d.data?.deferred === undefined ? '' : '; the message that was put off ended'}`;
    return { title: `${stepWords(names, before, d.step ?? '')} → ${stepWords(names, d, d.to ?? '')}`, why, tone: 'plain', icon: 'move' };
  },
  message,
  delivery: (d, names) => {
    const bad = ['bounced', 'complained', 'failed', 'refused'].includes(String(d.data?.kind));
    const template = templateOf(names, d, d.step ?? '');
    const what = template === null ? `Delivery at ${d.step ?? ''}` : `Message ${template}`;
    return { title: `${what}: ${text(d.data?.kind)}`, why: because(d), tone: bad ? 'warn' : 'plain', icon: 'mail' };
  },
  ended: (d, names) =>
    d.outcome
      ? { title: `Ended as ${d.outcome}`, why: endWhy(d, names), tone: 'good', icon: 'end' }
      : { title: 'Ended without an outcome', why: because(d), tone: 'warn', icon: 'end' },
  goal: ({ data }) => {
    const why = [data?.event === undefined ? '' : `${text(data.event)} arrived`, data?.value === undefined ? '' : `value ${text(data.value)}`];
    return { title: 'Reached the goal', why: why.filter((part) => part !== '').join(', '), tone: 'good', icon: 'goal' };
  },
  failed: (d, names) => {
    const segment = d.data?.segment;
    const title = segment === undefined ? `Parked by an error at “${stepWords(names, d, d.step ?? '')}”` : `Segment ${names.segment(text(segment))} met an error`;
    return { title, why: text(d.data?.error), tone: 'bad', icon: 'warning' };
  },
  limit: (d) => ({ title: 'A hard limit was met', why: text(d.data?.which), tone: 'warn', icon: 'warning' }),
  merged: ({ customer, data }) => {
    const part = data?.part === undefined ? '' : `, part ${text(data.part)} of ${text(data.parts)}`;
    return data?.into === undefined
      ? { title: `Took in ${text(data?.from)}`, why: `two customers became one${part}`, tone: 'plain', icon: 'merge' }
      : { title: `${customer} goes on as ${text(data.into)}`, why: `its runs and its history were handed over${part}`, tone: 'plain', icon: 'merge' };
  },
  deleted: () => ({ title: 'Was deleted', why: 'the runs ended, and what was known was erased', tone: 'warn', icon: 'close' }),
  segment: ({ data }, names) => {
    const entered = data?.change === 'entered';
    const why = BECAUSE[text(data?.because)] ?? text(data?.because);
    return { title: `${entered ? 'Entered' : 'Left'} segment ${names.segment(text(data?.segment))}`, why, tone: entered ? 'good' : 'plain', icon: 'segments' };
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

function entryWhy({ data }: Decision, names: Names): string {
  if (data?.audience === true) return typeof data.number === 'number' ? `occurrence ${data.number} of the audience` : 'belongs to the audience';
  if (data?.signal !== undefined) return `the signal ${text(data.signal)} came`;
  if (data?.date !== undefined) return `the date ${String(data.date)} came`;
  if (data?.segment !== undefined) return `${data.on === 'leave' ? 'left' : 'entered'} segment ${names.segment(text(data.segment))}`;
  if (data?.api === true) return data.key === undefined ? 'by a call' : `by a call, key ${text(data.key)}`;
  if (data?.event === undefined) return '';
  return data.key === undefined ? `${text(data.event)} arrived` : `${text(data.event)} arrived, key ${text(data.key)}`;
}

function endWhy({ data = {} }: Decision, names: Names): string {
  if (data.left !== undefined) return `left segment ${names.segment(text(data.left))}`;
  if (data.event === 'leave') return 'another run or a call took it out';
  return data.event === undefined ? '' : `${text(data.event)} met an exit rule`;
}

function moved(decision: Decision, names: Names): Told {
  const { step = '', to = '' } = decision;
  return { title: `${stepWords(names, decision, step)} → ${stepWords(names, decision, to)}`, why: movedWhy(decision, names), tone: 'plain', icon: 'move' };
}

function movedWhy(decision: Decision, names: Names): string {
  const { branch = '', data = {} } = decision;
  if (data.experiment !== undefined) return `arm ${branch} of ${experimentWords(decision)}`;
  if (data.reason !== undefined && branch !== 'refused') return `${emitted(data, names)}${meaning(text(data.reason))}`;
  if (branch === 'past' || branch === 'skip') return meaning('if_past');
  if (branch === 'timeout') return 'nothing came in time';
  if (branch === 'next') return emitted(data, names).replace(/: $/, '');
  if (branch === 'sent') return 'the message was requested';
  if (branch === 'refused') return `the message was refused: ${meaning(text(data.reason))}`;
  if (branch === 'all_of' && data.event !== undefined) return `all have arrived, ${text(data.event)} as the last`;
  if (data.event !== undefined) return `${text(data.event)} arrived`;
  if (data.kind !== undefined && data.of !== undefined) return newsWords(decision, names);
  const change = changeOf(data);
  if (change !== null) return `${pathWords(change)} changed from ${text(data.was)} to ${text(data[change])}`;
  return conditionMet(decision, names);
}

/** `branch sender: entry’s referrer exists`. */
function conditionMet(decision: Decision, names: Names): string {
  const { branch = '' } = decision;
  const step = names.step(decision, decision.step ?? '');
  const words = step === null ? '' : branchWords(step, branch);
  if (words === '') return `branch ${branch}`;
  return branch === 'else' || branch === 'condition' ? words : `branch ${branch}: ${words}`;
}

/** An experiment that has no id of its own goes by journey and step. */
function experimentWords({ journey = '', step = '', data }: Decision): string {
  const id = text(data?.experiment);
  return id === `${journey}/${step}` ? 'the experiment' : `experiment ${id}`;
}

/** What a step `emit` did. */
function emitted(data: Record<string, unknown>, names: Names): string {
  const to = data.to === undefined ? '' : ` for ${text(data.to)}`;
  if (data.track !== undefined) return `${text(data.track)} was emitted${to}: `;
  if (data.enter !== undefined) return `into journey ${names.journey(text(data.enter))}${to}: `;
  return data.leave === undefined ? '' : `out of journey ${names.journey(text(data.leave))}${to}: `;
}

/** `the message cart-reminder was clicked: https://…` */
function newsWords(decision: Decision, names: Names): string {
  const { of, kind, link } = decision.data ?? {};
  const what = templateOf(names, decision, text(of)) ?? `at ${text(of)}`;
  return `the message ${what} was ${text(kind)}${link === undefined ? '' : `: ${text(link)}`}`;
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

const ORDER = [
  'id', 'kind', 'customer', 'journey', 'version', 'run', 'step', 'visit', 'to', 'branch', 'reason', 'outcome', 'data', 'at', 'clock', 'n', 'workspace',
];

/** The whole record in the order in which one reads it; what is newer than this screen comes last. */
export function ordered(decision: Decision): Record<string, unknown> {
  const given = Object.entries(decision);
  const place = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return Object.fromEntries(given.sort(([a], [b]) => place(a) - place(b)));
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
