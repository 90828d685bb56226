/** Where a place in the text is in the definition: what is asked for there, a member or a value. */

import { isMap, isScalar, visit, type Document } from 'yaml';

import { parse, type Span } from './text';

export interface Place {
  /** Of the mapping whose member it is, or of the value. */
  path: string[];
  /** A member can begin here. */
  member: boolean;
  /** A value can stand here. */
  value: boolean;
  /** Members that are there already. */
  there: string[];
  /** The whole definition, as far as it can be read. */
  whole: unknown;
  /** Begin of the word that is being written. */
  from: number;
}

const MARK = 'zzz-here-zzz';

/** What can be completed at a place of the text; null: nothing, such as in a comment. */
export function placeAt(text: string, at: number): Place | null {
  const before = /[\w.@-]*$/.exec(text.slice(0, at))?.[0] ?? '';
  const word = before.replace(/^-+(?=\s|$)/, '');
  const from = at - word.length;
  const rest = text.slice(at).replace(/^[\w.@-]*/, '');
  const line = text.slice(text.lastIndexOf('\n', from - 1) + 1, from);
  const alone = /^[\s-]*$/.test(line) && /^\s*(\n|$)/.test(rest);
  const document = parse(text.slice(0, from) + MARK + (alone ? ':' : '') + rest);
  let found: Omit<Place, 'whole' | 'from'> | null = null;
  visit(document, {
    Scalar: (key, node, ancestors) => {
      if (node.value !== MARK) return undefined;
      const path = pathOf(ancestors);
      const map = ancestors.at(-2);
      if (key === 'key' && isMap(map)) {
        const there = map.items.flatMap((pair) => (isScalar(pair.key) && pair.key.value !== MARK ? [String(pair.key.value)] : []));
        path.pop();
        found = { path, member: true, value: there.length === 0, there };
      } else found = { path: key === 'value' ? path : [...path, String(key)], member: false, value: true, there: [] };
      return visit.BREAK;
    },
  });
  return found === null ? null : { ...(found as Omit<Place, 'whole' | 'from'>), whole: without(whole(document)), from };
}

/** The member whose name or word is at a place, and where that is; null: none. */
export function memberAt(text: string, at: number): { path: string[]; span: Span; whole: unknown } | null {
  const document = parse(text);
  let found: { path: string[]; span: Span } | null = null;
  visit(document, {
    Scalar: (key, node, ancestors) => {
      const [from, to] = node.range ?? [0, 0];
      if (at < from || at >= to) return undefined;
      const path = pathOf(ancestors);
      found = { path: key === 'key' || key === 'value' ? path : [...path, String(key)], span: { from, to } };
      return visit.BREAK;
    },
  });
  return found === null ? null : { ...(found as { path: string[]; span: Span }), whole: whole(document) };
}

/** Names and numbers from the top; a member's own name is the last one. */
function pathOf(ancestors: readonly unknown[]): string[] {
  const path: string[] = [];
  for (const [index, node] of ancestors.entries()) {
    if (isPairLike(node)) path.push(isScalar(node.key) ? String(node.key.value) : '');
    else if (!isMap(node) && hasItems(node)) {
      const next = ancestors[index + 1];
      if (next !== undefined) path.push(String(node.items.indexOf(next)));
    }
  }
  return path;
}

function isPairLike(node: unknown): node is { key: unknown; value: unknown } {
  return typeof node === 'object' && node !== null && 'key' in node && 'value' in node;
}

function hasItems(node: unknown): node is { items: unknown[] } {
  return typeof node === 'object' && node !== null && 'items' in node;
}

function whole(document: Document.Parsed): unknown {
  try {
    return document.toJS();
  } catch {
    return {}; // an alias that leads nowhere yet
  }
}

function without(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(without);
  if (typeof value !== 'object' || value === null) return value === MARK ? null : value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== MARK).map(([name, each]) => [name, without(each)]));
}
