/** Conditions in plain words. */

import { plural } from '../format/format';
import type { Condition } from './definition';

const OPERATORS: Record<string, (operand: string) => string> = {
  equals: (value) => `is ${value}`,
  not_equals: (value) => `is not ${value}`,
  contains: (value) => `contains ${value}`,
  not_contains: (value) => `does not contain ${value}`,
  starts_with: (value) => `starts with ${value}`,
  ends_with: (value) => `ends with ${value}`,
  in: (value) => `is one of ${value}`,
  not_in: (value) => `is none of ${value}`,
  exists: () => 'is there',
  not_exists: () => 'is not there',
  less_than: (value) => `is less than ${value}`,
  at_most: (value) => `is at most ${value}`,
  greater_than: (value) => `is more than ${value}`,
  at_least: (value) => `is at least ${value}`,
  between: (value) => `is between ${value}`,
};

const NODES: Record<string, [joined: string, before: string]> = {
  all: [' and ', ''],
  any: [' or ', ''],
  none: [' nor ', 'neither '],
};

/** `{event.amount: {greater_than: 100}}` → `amount is more than 100` */
export function conditionWords(condition: Condition): string {
  return Object.entries(condition).map(([name, body]) => part(name, body)).join(' and ');
}

function part(name: string, body: unknown): string {
  const node = NODES[name];
  if (node !== undefined && Array.isArray(body)) {
    const [joined, before] = node;
    const words = body.map((each) => conditionWords(each as Condition));
    return words.length === 1 ? before.replace('neither', 'not') + (words[0] ?? '') : `(${before}${words.join(joined)})`;
  }
  if (typeof body !== 'object' || body === null) return `${pathWords(name)} ${valueWords(body)}`;
  return Object.entries(body).map(([operator, operand]) => comparison(name, operator, operand)).join(' and ');
}

function comparison(path: string, operator: string, operand: unknown): string {
  const words = OPERATORS[operator];
  const value = operator === 'between' && Array.isArray(operand) ? operand.map(valueWords).join(' and ') : valueWords(operand);
  return `${pathWords(path)} ${words === undefined ? `${operator.replaceAll('_', ' ')} ${value}` : words(value)}`;
}

function valueWords(value: unknown): string {
  if (typeof value === 'string') return `“${value}”`;
  if (Array.isArray(value)) return value.length > 5 ? plural(value.length, 'value') : value.map(valueWords).join(', ');
  return JSON.stringify(value);
}

/** `event.amount` → `amount`, `customer.plan` → `customer’s plan`, `steps.look.event.sku` → `sku of the event at look` */
export function pathWords(path: string): string {
  const [root = '', ...rest] = path.split('.');
  if (root === 'event' && rest.length > 0) return rest.join('.');
  if (root === 'customer' || root === 'entry') return `${root}’s ${rest.join('.')}`;
  if (root === 'steps' && rest.length > 2) return `${rest.slice(2).join('.')} of the event at ${rest[0]}`;
  return path;
}

/** The paths that a condition reads, each once. */
export function pathsOf(condition: Condition): string[] {
  const found = Object.entries(condition).flatMap(([name, body]) =>
    name in NODES && Array.isArray(body) ? body.flatMap((each) => pathsOf(each as Condition)) : [name],
  );
  return [...new Set(found)];
}
