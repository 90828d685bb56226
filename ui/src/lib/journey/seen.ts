/** What a decision looked at: values and gates, in plain words. */

import { moment, plural } from '../format/format';
import { IDS, stepWords, type Names } from './naming';
import { pathWords } from './paths';
import { meaning } from './reasons';
import type { Decision } from './timeline';

/** Values that were looked at, as pairs to read; ids and what the title says already are left out. */
export function lookedAt(decision: Decision, names: Names = IDS): [name: string, value: string][] {
  const data = decision.data ?? {};
  const change = decision.kind === 'moved' ? changeOf(data) : null;
  const pairs = Object.entries(data).filter(([name]) => !SAID.has(name) && !SAID_BY[decision.kind]?.has(name) && change === null);
  const worth = pairs.filter(([name]) => !(name === 'event' && pairs.length === 1));
  return worth.map(([name, value]) => pair(decision, names, name, value));
}

/** Path of the value that changed; null: the decision is of something else. */
export function changeOf(data: Record<string, unknown>): string | null {
  const names = Object.keys(data);
  return names.length === 2 && 'was' in data ? (names.find((name) => name !== 'was') ?? null) : null;
}

const SAID = new Set(['gates', 'template', 'send_id', 'experiment', 'error', 'deferred_until', 'reason']);
const SAID_BY: Record<string, Set<string>> = {
  entered: new Set(['segment', 'on', 'api', 'key', 'audience', 'signal']),
  not_entered: new Set(['run']),
  moved: new Set(['kind', 'of', 'link', 'track', 'enter', 'leave', 'to']),
  migrated: new Set(['of', 'migration', 'deferred']),
  delivery: new Set(['kind']),
  ended: new Set(['left']),
  goal: new Set(['event', 'value']),
  failed: new Set(['segment']),
  limit: new Set(['which', 'query']),
  merged: new Set(['into', 'from', 'merge', 'part', 'parts']),
  segment: new Set(['segment', 'version', 'change', 'because']),
};
const INSTANTS = new Set(['last', 'again', 'timestamp', 'due']);

function pair(decision: Decision, names: Names, name: string, value: unknown): [name: string, value: string] {
  const wrote = names.step(decision, decision.step ?? '')?.update;
  if (wrote !== undefined && typeof value === 'boolean' && [...(wrote.add_to ?? []), ...(wrote.remove_from ?? [])].includes(name)) {
    return [`segment ${names.segment(name)}`, value ? 'joined' : 'left'];
  }
  const shown = seenName(decision, names, name);
  if (INSTANTS.has(name) && typeof value === 'number') return [shown, moment(value)];
  if (name === 'refusal') return [shown, meaning(text(value))];
  if (name === 'arms' && typeof value === 'object' && value !== null) return [shown, Object.values(value).map(text).join(', ')];
  return [shown, seenWords(name, value)];
}

/** `segment:vip` → `segment vip`, `event:order_completed/2` → `order_completed`, `email/news` → `consent to email, news`. */
function seenName(decision: Decision, names: Names, name: string): string {
  const [, subject = '', about = ''] = /^(event|message|run|segment|consent|bucket):(.*?)(?:\/\d+)?$/.exec(name) ?? [];
  if (subject === 'event') return about;
  if (subject === 'run') return `journey ${names.journey(about)}`;
  if (subject === 'segment') return `segment ${names.segment(about)}`;
  if (subject !== '') return `${SUBJECTS[subject] ?? subject} ${about.replace('/', ', ')}`;
  const [, channel = '', subscription = ''] = /^(email|sms|push|webhook|slack|in_app)\/(.*)$/.exec(name) ?? [];
  if (channel !== '') return `consent to ${subscription === '' ? channel : `${channel}, ${subscription}`}`;
  const [root, step = '', ...rest] = name.split('.');
  const known = names.step(decision, step) !== null;
  if (root === 'steps' && known && rest.length > 1 && rest[0] === 'event') return `${rest.slice(1).join('.')} of the event at “${stepWords(names, decision, step)}”`;
  return name.includes('.') ? pathWords(name) : name.replaceAll('_', ' ');
}

const SUBJECTS: Record<string, string> = { message: 'messages', consent: 'consent to' };

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

/** The gates that refused, but for the one whose reason the decision says already. */
export function alsoClosed(decision: Decision): Gate[] {
  return gatesOf(decision).filter((gate) => gate.reason !== '' && gate.reason !== decision.reason);
}

/** A value as it is read; nothing is left empty but what is not there. */
export function text(value: unknown): string {
  if (value === null) return 'nothing';
  if (value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
