/** A definition as YAML text: written to be read, and read with the place of everything in it. */

import { Document, isCollection, isMap, isNode, isPair, isScalar, parseDocument, visit, type Node } from 'yaml';

import type { Problem } from '../api/problems';
import { jsonLine } from '../format/json';

/** From a character of the text to another. */
export interface Span {
  from: number;
  to: number;
}

/** A problem and where it is in the text. */
export interface Mark extends Problem, Span {
  /** Counted from 1. */
  line: number;
}

export interface Read {
  /** null: it is no YAML, or no mapping. */
  body: Record<string, unknown> | null;
  /** Of the YAML itself. */
  problems: Mark[];
}

/** Characters of a line. */
const WIDTH = 100;

/** What fits in a line stands in one, within braces; the definition itself and its lists and steps go line by line. */
export function written(definition: object): string {
  const document = new Document(definition);
  visit(document, {
    Collection: (_, node, path) => {
      const depth = path.filter(isCollection).length;
      const indent = 2 * depth;
      const label = path.findLast(isPair)?.key;
      const before = indent + (isScalar(label) ? String(label.value).length + 2 : 0);
      const block = depth === 0 || (depth === 1 && [...LINES].some((name) => isScalar(label) && label.value === name));
      if (!block && before + jsonLine(node.toJS(document)).length <= WIDTH) {
        node.flow = true;
        return visit.SKIP;
      }
      return undefined;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

const LINES = new Set(['entry', 'exit', 'steps', 'migrate']);

/** YAML 1.2, as files of the command line are read; what JSON cannot say is a problem. */
export function read(text: string): Read {
  const document = parse(text);
  const faults = [...document.errors, ...document.warnings].map(({ pos, message }) => {
    const [words = message] = message.split(/ at line \d+, column \d+/);
    return { ...mark(text, { from: pos[0], to: pos[1] }), pointer: '', message: words };
  });
  if (faults.length > 0) return { body: null, problems: faults };
  if (!isMap(document.contents)) {
    const problem = { pointer: '', message: 'a definition is a mapping', fix: 'begin with id: and a name for it' };
    return { body: null, problems: [{ ...problem, ...mark(text, { from: 0, to: 0 }) }] };
  }
  const { kind, ...body } = document.toJS() as Record<string, unknown>;
  return { body: kind === undefined || kind === 'journey' ? body : { kind, ...body }, problems: [] };
}

/** Problems with their places in the text; the same text gives the same places. */
export function placed(text: string, problems: Problem[]): Mark[] {
  const { contents } = parse(text);
  return problems.map((problem) => ({ ...problem, ...mark(text, spanOf(contents, parts(problem.pointer))) }));
}

/** Where a JSON pointer leads in the text: the deepest part of it that is there. A member's place is its key if the value is
 * more than a word, since a whole step marked red shows nothing. */
function spanOf(contents: Node | null, path: string[]): Span {
  let node: unknown = contents;
  let span = { from: 0, to: 0 };
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part);
      if (pair === undefined) return span;
      const plain = isScalar(pair.value) && pair.value.range && pair.value.range[1] > pair.value.range[0];
      span = rangeOf(plain ? pair.value : pair.key) ?? span;
      node = pair.value;
    } else if (isCollection(node) && !isMap(node) && /^\d+$/.test(part)) {
      const item: unknown = node.items[Number(part)];
      if (item === undefined) return span;
      span = (isMap(item) ? rangeOf(item.items[0]?.key) : rangeOf(item)) ?? span;
      node = item;
    } else return span;
  }
  return span;
}

function rangeOf(node: unknown): Span | null {
  return isNode(node) && node.range ? { from: node.range[0], to: node.range[1] } : null;
}

/** Never beyond the text, and the first line of it if it is of several. */
function mark(text: string, { from, to }: Span): Span & { line: number } {
  const start = Math.min(from, text.length);
  const end = text.indexOf('\n', start);
  const last = end === -1 ? text.length : end;
  return { from: start, to: Math.max(start, Math.min(to, last)), line: text.slice(0, start).split('\n').length };
}

export function parts(pointer: string): string[] {
  return pointer.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function parse(text: string) {
  return parseDocument(text, { merge: true, logLevel: 'silent', prettyErrors: true });
}
