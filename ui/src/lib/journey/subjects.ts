/** Subjects of conditions besides values: events, messages, runs, segments, consents, buckets. In plain words. */

import { duration, plural } from '../format/format';
import type { Condition } from './definition';
import { instantWords } from './dates';
import { period } from './operators';
import { pathWords } from './paths';

type Body = Record<string, unknown>;
/** Words of a condition within. */
type Within = (condition: Condition) => string;

/** null: the contrary cannot be said in a word; `not (…)` says it. */
type Teller = (body: Body, negated: boolean, within: Within) => string | null;

const TELLERS: Record<string, Teller> = { event, message, run, segment, consent, bucket };

export function isSubject(name: string): boolean {
  return name in TELLERS;
}

export function subjectWords(name: string, given: unknown, negated: boolean, within: Within): string | null {
  const body = typeof given === 'object' && given !== null ? (given as Body) : { in: given };
  return TELLERS[name]?.(body, negated, within) ?? null;
}

/** What is asked, without what of it: `order_completed`, `segment vip`. */
export function subjectName(name: string, given: unknown): string {
  const body = typeof given === 'object' && given !== null ? (given as Body) : { in: given };
  if (name === 'event') return text(body.name);
  if (name === 'message') return 'messages';
  if (name === 'run') return `journey ${text(body.journey)}`;
  if (name === 'segment') return `segment ${text(body.in)}`;
  if (name === 'consent') return `consent to ${consentName(body)}`;
  return `bucket ${text(body.salt)}`;
}

function event(body: Body, negated: boolean, within: Within): string | null {
  const name = text(body.name);
  const where = body.where === undefined ? '' : ` (where ${within(body.where as Condition)})`;
  const end = body.last === undefined ? (body.first === undefined ? null : 'first') : 'last';
  if (end !== null) {
    if (negated) return null;
    const when = periodWords(body);
    return `the ${end} ${name}${where} was ${when === '' ? '' : `${when.trim()} and was `}one where ${within(body[end] as Condition)}`;
  }
  const count = countOf(body, negated);
  const times = count.none ? 'did not happen' : count.plain ? 'happened' : `happened ${timesWords(count)}`;
  return `${name}${where} ${times}${keyWords(body.keyed, negated)}${periodWords(body)}`;
}

function keyWords(keyed: unknown, negated: boolean): string {
  if (keyed === undefined) return '';
  if (typeof keyed === 'string') return ` with ${negated ? 'any' : 'one'} ${keyed}`;
  const { by, value } = keyed as Body;
  const path = text(value);
  return path.split('.').at(-1) === by ? ` with ${pathWords(path)}` : ` with ${pathWords(path)} as ${text(by)}`;
}

function message(body: Body, negated: boolean): string {
  const count = countOf(body, negated);
  const kind = body.channel === undefined ? 'message' : `${CHANNELS[text(body.channel)] ?? text(body.channel)} message`;
  const of = body.journey === undefined ? '' : ` of journey ${text(body.journey)}`;
  const at = body.step === undefined ? '' : ` at ${text(body.step)}`;
  const tag = body.tag === undefined ? '' : ` tagged ${text(body.tag)}`;
  const one = count.none || count.plain || count.n === 1;
  const many = count.none ? `no ${kind}` : count.plain ? `${/^[aeiou]/i.test(kind) ? 'an' : 'a'} ${kind}` : `${count.words} ${plural(count.n, kind)}`;
  const link = body.link === undefined ? '' : ` (${text(body.link)})`;
  const machine = body.machine === 'include' ? ', also by a machine' : '';
  return `${many}${of}${at}${tag} ${one ? 'was' : 'were'} ${text(body.is)}${link}${machine}${periodWords(body)}`;
}

const CHANNELS: Record<string, string> = { sms: 'text', in_app: 'in-app' };

const VERBS: Record<string, string> = { completed: 'complete', entered: 'enter', converted: 'convert in' };

function run(body: Body, negated: boolean): string {
  const journey = `journey ${text(body.journey)}`;
  if (body.is !== undefined) return `the customer is ${negated ? 'not ' : ''}in ${journey}`;
  const count = countOf(body, negated);
  const as = body.outcome === undefined ? '' : ` as ${text(body.outcome)}`;
  const verb = VERBS[text(body.was)] ?? text(body.was);
  const did = count.none ? `did not ${verb}` : body.was === 'converted' ? 'converted in' : body.was;
  const times = count.none || count.plain ? '' : ` ${timesWords(count)}`;
  return `the customer ${text(did)} ${journey}${as}${times}${periodWords(body)}`;
}

function segment(body: Body, negated: boolean): string {
  const not = negated ? 'not ' : '';
  if (body.held_for === undefined) return `the customer is ${not}in segment ${text(body.in)}`;
  return `the customer has ${not}been in segment ${text(body.in)} for at least ${duration(text(body.held_for))}`;
}

function consent(body: Body, negated: boolean): string {
  const statuses = (Array.isArray(body.is) ? body.is : [body.is]).map(text);
  const words = statuses.length < 2 ? `${negated ? 'not ' : ''}${statuses.join('')}`
    : negated ? `neither ${statuses.join(' nor ')}` : `${statuses.slice(0, -1).join(', ')} or ${statuses.at(-1)}`;
  return `consent to ${consentName(body)} is ${words}`;
}

function consentName({ channel, subscription }: Body): string {
  return subscription === undefined ? text(channel) : `${text(subscription)} (${text(channel)})`;
}

function bucket({ salt, from, to }: Body, negated: boolean): string {
  const part = Number(from) === 0 ? `the first ${text(to)} %` : `${text(from)} to ${text(to)} %`;
  return `the customer is ${negated ? 'not ' : ''}in ${part} of bucket ${text(salt)}`;
}

interface Count {
  /** Not even once. */
  none: boolean;
  /** At least once. */
  plain: boolean;
  /** `at least`, `exactly`, … */
  words: string;
  n: number;
}

/** How often something is asked for, or its contrary. */
function countOf(body: Body, negated: boolean): Count {
  const name = COUNTS.find((each) => body[each] !== undefined) ?? 'at_least';
  const n = body[name] === undefined ? 1 : Number(body[name]);
  const none = name !== 'at_least' && n === 0;
  const once = name === 'at_least' && n === 1;
  const words = WORDS[name]?.[negated ? 1 : 0] ?? '';
  return { none: negated ? once : none, plain: negated ? none : once, words, n };
}

const COUNTS = ['at_least', 'at_most', 'exactly'] as const;
const WORDS: Record<string, [asked: string, negated: string]> = {
  at_least: ['at least', 'less than'],
  at_most: ['at most', 'more than'],
  exactly: ['exactly', 'not exactly'],
};

function timesWords({ words, n }: Count): string {
  return `${words} ${n === 1 ? 'once' : plural(n, 'time')}`;
}

function periodWords({ within, since }: Body): string {
  if (within !== undefined) return ` within the last ${period(within)}`;
  return since === undefined ? '' : ` since ${instantWords(text(since))}`;
}

function text(value: unknown): string {
  return value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
}
