/** Conditions in plain words. */

import { duration } from '../format/format';
import type { Condition } from './definition';
import { asked } from './operators';
import { pathWords } from './paths';
import { isSubject, subjectName, subjectWords } from './subjects';

const NODES = new Set(['all', 'any', 'none']);

/** `{event.amount: {greater_than: 100}}` → `amount is more than 100` */
export function conditionWords(condition: Condition): string {
  return parts(condition).map((part) => words(part, false)).join(' and ');
}

/** Of a condition that stands alone: without brackets around it all. */
export function wholeWords(condition: Condition): string {
  const [only, ...rest] = parts(condition);
  if (only === undefined || rest.length > 0 || !isNode(only)) return conditionWords(condition);
  const [first] = only.body;
  if (only.body.length > 1) return conditionWords(condition).slice(1, -1);
  return only.name === 'none' || first === undefined ? conditionWords(condition) : wholeWords(first as Condition);
}

/** A line of a condition as it stands: words, or a heading with lines below it. */
export interface Line {
  words: string;
  lines: Line[];
}

/** A condition as a list, for those that are too long for a sentence. All its lines must hold. */
export function outline(condition: Condition): Line[] {
  return parts(condition).flatMap((part): Line[] => {
    if (!isNode(part)) return [{ words: words(part, false), lines: [] }];
    const { name, body } = part;
    const within = body.map((each) => asLine(each as Condition));
    if (within.length === 1 && name !== 'none') return within;
    if (within.length === 1 && within[0]?.lines.length === 0) return [{ words: words(part, false), lines: [] }];
    return [{ words: HEADINGS[name] ?? '', lines: within }];
  });
}

const HEADINGS: Record<string, string> = { all: 'All of these', any: 'At least one of these', none: 'None of these' };

function asLine(condition: Condition): Line {
  const lines = outline(condition);
  return lines.length === 1 && lines[0] !== undefined ? lines[0] : { words: HEADINGS.all ?? '', lines };
}

interface Part {
  name: string;
  body: unknown;
}

/** Its lines; groups come last, in whatever order it was stored. */
function parts(condition: Condition): Part[] {
  const all = Object.entries(condition).map(([name, body]) => ({ name, body }));
  return [...all.filter(({ name }) => !NODES.has(name)), ...all.filter(({ name }) => NODES.has(name))];
}

function isNode(part: Part): part is { name: string; body: unknown[] } {
  return NODES.has(part.name) && Array.isArray(part.body);
}

function words(part: Part, negated: boolean): string {
  const { name, body } = part;
  if (isNode(part)) return nodeWords(part.name, part.body as Condition[], negated);
  if (isSubject(name)) return subjectWords(name, body, negated, conditionWords) ?? `not (${subjectWords(name, body, false, conditionWords) ?? name})`;
  return valuePart(name, body, negated);
}

/** `none` says the contrary of each; a contrary of several is put in brackets. */
function nodeWords(name: string, conditions: Condition[], negated: boolean): string {
  const each = conditions.map((condition) => (name === 'none' ? contrary(condition) : conditionWords(condition)));
  if (each.length === 1 && negated && name !== 'none') return contrary(conditions[0] ?? {});
  if (each.length === 1 && !negated) return each[0] ?? '';
  const joined = `(${each.join(name === 'any' ? ' or ' : ' and ')})`;
  return negated ? `not ${joined}` : joined;
}

function contrary(condition: Condition): string {
  const all = parts(condition);
  const [only] = all;
  const several = only === undefined || all.length > 1 || (!NODES.has(only.name) && !isSubject(only.name) && operators(only.body).length > 1);
  return several ? `not (${conditionWords(condition)})` : words(only, true);
}

function valuePart(path: string, body: unknown, negated: boolean): string {
  if (typeof body !== 'object' || body === null) return `${pathWords(path)} ${asked('equals', body, negated)}`;
  const held = (body as Record<string, unknown>).held_for;
  const said = operators(body).filter(([operator]) => operator !== 'held_for').map(([operator, operand]) => asked(operator, operand, negated));
  const rest = said.slice(1).map((each) => (said[0]?.startsWith('is ') ? each.replace(/^is /, '') : each));
  const length = held === undefined ? '' : ` for at least ${duration(String(held))}`;
  return `${pathWords(path)} ${[said[0], ...rest].join(' and ')}${length}`;
}

function operators(body: unknown): [string, unknown][] {
  return typeof body === 'object' && body !== null ? Object.entries(body) : [];
}

/** What a condition asks about, each once: `customer’s plan`, `order_completed`, `segment vip`. */
export function topics(condition: Condition): string[] {
  const found = parts(condition).flatMap((part) => {
    if (isNode(part)) return part.body.flatMap((each) => topics(each as Condition));
    return [isSubject(part.name) ? subjectName(part.name, part.body) : pathWords(part.name)];
  });
  return [...new Set(found)];
}
