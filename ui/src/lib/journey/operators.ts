/** What is asked of a value, in plain words: `is at least 18`, `is within the last 30 days`. */

import { duration, plural } from '../format/format';
import { instantWords } from './dates';

/** Words of an operator, and of its contrary. */
type Words = [does: string, doesNot: string];

/** `is less than 5`, or its contrary; an operator that this screen does not know keeps its name. */
export function asked(operator: string, operand: unknown, negated: boolean): string {
  const words = OPERATORS[operator]?.(operand) ?? OPERATORS[operator.replace(/^not_/, '')]?.(operand);
  if (words === undefined) return `${negated ? 'not ' : ''}${operator.replaceAll('_', ' ')} ${valueWords(operand)}`;
  return words[operator.startsWith('not_') === negated ? 0 : 1];
}

const is = (words: string): Words => [`is ${words}`, `is not ${words}`];
const does = (verb: string, words: string): Words => [`${verb}s ${words}`, `does not ${verb} ${words}`];

const OPERATORS: Record<string, (operand: unknown) => Words> = {
  equals: (value) => is(valueWords(value)),
  contains: (value) => does('contain', valueWords(value)),
  starts_with: (value) => does('start', `with ${valueWords(value)}`),
  ends_with: (value) => does('end', `with ${valueWords(value)}`),
  in: (value) => [`is one of ${valueWords(value)}`, `is none of ${valueWords(value)}`],
  exists: () => is('there'),
  less_than: (value) => is(`less than ${valueWords(value)}`),
  at_most: (value) => is(`at most ${valueWords(value)}`),
  greater_than: (value) => is(`more than ${valueWords(value)}`),
  at_least: (value) => is(`at least ${valueWords(value)}`),
  between: (value) => is(`between ${Array.isArray(value) ? value.map(dateOrValue).join(' and ') : valueWords(value)}`),
  length: (value) => [`has a length of ${lengthWords(value)}`, `does not have a length of ${lengthWords(value)}`],
  before: (value) => is(beforeWords(value)),
  after: (value) => is(afterWords(value)),
  on: (value) => is(onWords(value)),
  within_last: (value) => is(`within the last ${period(value)}`),
  within_next: (value) => is(`within the next ${period(value)}`),
  anniversary: anniversaryWords,
  changed_within: (value) => [`changed within the last ${period(value)}`, `did not change within the last ${period(value)}`],
};

function beforeWords(operand: unknown): string {
  const { ago, ahead } = relative(operand);
  if (ago !== undefined) return `more than ${ago} ago`;
  if (ahead !== undefined) return `earlier than ${ahead} from now`;
  return operand === 'now' ? 'in the past' : `before ${dateOrValue(operand)}`;
}

function afterWords(operand: unknown): string {
  const { ago, ahead } = relative(operand);
  if (ago !== undefined) return `later than ${ago} ago`;
  if (ahead !== undefined) return `more than ${ahead} from now`;
  return operand === 'now' ? 'in the future' : `after ${dateOrValue(operand)}`;
}

function onWords(operand: unknown): string {
  const { ago, ahead } = relative(operand);
  if (ago !== undefined) return `on the day ${ago} ago`;
  if (ahead !== undefined) return `on the day ${ahead} from now`;
  return operand === 'today' ? 'today' : `on ${dateOrValue(operand)}`;
}

function anniversaryWords(operand: unknown): Words {
  const { ago, ahead } = relative(operand);
  if (ago !== undefined) return [`had its anniversary ${ago} ago`, `did not have its anniversary ${ago} ago`];
  const when = ahead === undefined ? 'today' : `in ${ahead}`;
  return [`has its anniversary ${when}`, `does not have its anniversary ${when}`];
}

function relative(operand: unknown): { ago?: string; ahead?: string } {
  if (typeof operand !== 'object' || operand === null) return {};
  const { ago, ahead } = operand as Record<string, unknown>;
  return typeof ago === 'string' ? { ago: duration(ago) } : typeof ahead === 'string' ? { ahead: duration(ahead) } : {};
}

function lengthWords(operand: unknown): string {
  if (typeof operand !== 'object' || operand === null) return valueWords(operand);
  return Object.entries(operand).map(([name, value]) => asked(name, value, false).replace(/^is /, '')).join(' and ');
}

/** `P30D` → `30 days`, `P1D` → `day`: what follows `the last`. */
export function period(operand: unknown): string {
  const words = duration(String(operand));
  const [, unit] = /^1\u00a0(\w+)$/.exec(words) ?? [];
  return unit === undefined ? words : (LONG[unit] ?? unit);
}

const LONG: Record<string, string> = { h: 'hour', min: 'minute', s: 'second' };

function dateOrValue(value: unknown): string {
  return typeof value === 'string' && (value === 'today' || /^\d{4}-\d\d-\d\d/.test(value)) ? instantWords(value) : valueWords(value);
}

export function valueWords(value: unknown): string {
  if (value === null) return 'nothing';
  if (typeof value === 'string') return `“${value}”`;
  if (Array.isArray(value)) return value.length > 5 ? plural(value.length, 'value') : value.map(valueWords).join(', ');
  return JSON.stringify(value);
}
