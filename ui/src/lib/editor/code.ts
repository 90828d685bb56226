/** The text editor: CodeMirror with YAML, completion and words on hover by the schema, and problems at their places. */

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, hoverTooltip, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';

import { offersAt, type Names, type Offer } from './completing';
import { look } from './look';
import { memberAt } from './place';
import { aboutAll, formsAt, type Schema } from './schema';
import type { Mark, Span } from './text';

export interface Given {
  parent: HTMLElement;
  text: string;
  /** For those who do not see the screen. */
  label: string;
  described: string;
  /** null: not there (yet); nothing is completed. */
  schema: () => Schema | null;
  names: () => Names;
  onchange: (text: string) => void;
  onsave: () => void;
}

export class Code {
  #view: EditorView;

  constructor(given: Given) {
    this.#view = new EditorView({ parent: given.parent, state: EditorState.create({ doc: given.text, extensions: extensions(given) }) });
  }

  get text(): string {
    return this.#view.state.doc.toString();
  }

  /** Another text; what was there comes back by undo. */
  set(text: string): void {
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: text }, selection: { anchor: 0 }, scrollIntoView: true });
  }

  /** Of the text as it is now. */
  mark(problems: Mark[], doubts: Mark[]): void {
    const found = [...problems.map((each) => diagnostic(each, 'error')), ...doubts.map((each) => diagnostic(each, 'warning'))];
    this.#view.dispatch(setDiagnostics(this.#view.state, found.filter(({ to }) => to <= this.#view.state.doc.length)));
  }

  go({ from, to }: Span): void {
    const last = this.#view.state.doc.length;
    this.#view.dispatch({ selection: { anchor: Math.min(from, last), head: Math.min(to, last) }, effects: EditorView.scrollIntoView(Math.min(from, last), { y: 'center' }) });
    this.#view.focus();
  }

  destroy(): void {
    this.#view.destroy();
  }
}

function diagnostic({ from, to, message, fix }: Mark, severity: 'error' | 'warning'): Diagnostic {
  return { from, to, severity, message: fix === undefined ? message : `${message}\n→ ${fix}` };
}

function extensions(given: Given) {
  return [
    lineNumbers(), lintGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(), highlightActiveLine(),
    highlightActiveLineGutter(), highlightSelectionMatches(), search({ top: true }), EditorView.lineWrapping, indentUnit.of('  '), EditorState.tabSize.of(2),
    yaml(), syntaxHighlighting(COLOURS), look,
    autocompletion({ override: [(context) => completions(context, given)], activateOnCompletion: () => true, icons: false }),
    hoverTooltip((view, at) => hovered(view.state.doc.toString(), at, given.schema())),
    EditorView.contentAttributes.of({ 'aria-label': given.label, 'aria-describedby': given.described, spellcheck: 'false', autocapitalize: 'off', autocorrect: 'off' }),
    EditorView.updateListener.of((update) => { if (update.docChanged) given.onchange(update.state.doc.toString()); }),
    keymap.of([
      { key: 'Mod-s', preventDefault: true, run: () => { given.onsave(); return true; } },
      ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap, indentWithTab,
    ]),
  ];
}

/** By themselves they come with a word, or right after what begins a member or a value. */
function completions(context: CompletionContext, given: Given): CompletionResult | null {
  const schema = given.schema();
  if (schema === null) return null;
  const found = offersAt(context.state.doc.toString(), context.pos, schema, given.names());
  if (found === null) return null;
  const before = context.state.sliceDoc(Math.max(0, found.from - 2), found.from);
  if (!context.explicit && found.from === context.pos && !/[:,-] $|[{[]$/.test(before)) return null;
  return { from: found.from, options: found.offers.map(completion), validFor: /^[\w.@-]*$/ };
}

function completion({ label, detail, info, text }: Offer): Completion {
  const back = text.endsWith('}') ? 1 : 0;
  return {
    label, detail, ...(info === '' ? {} : { info }),
    apply: (view, _, from, to) => view.dispatch({
      changes: { from, to, insert: text }, selection: { anchor: from + text.length - back }, userEvent: 'input.complete',
    }),
  };
}

function hovered(text: string, at: number, schema: Schema | null) {
  const found = schema === null ? null : memberAt(text, at);
  if (schema === null || found === null) return null;
  const words = aboutAll(schema, formsAt(schema, found.path, found.whole));
  if (words === '') return null;
  return {
    pos: found.span.from,
    end: found.span.to,
    above: true,
    create: () => {
      const dom = document.createElement('div');
      dom.className = 'cm-about';
      const name = dom.appendChild(document.createElement('strong'));
      name.textContent = found.path.filter((part) => !/^\d+$/.test(part)).slice(-2).join(' › ');
      dom.appendChild(document.createElement('span')).textContent = words;
      return { dom };
    },
  };
}

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--accent)' },
  { tag: [tags.string, tags.content, tags.attributeValue], color: 'var(--ink)' },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: 'var(--choice)' },
  { tag: tags.comment, color: 'var(--ink-3)', fontStyle: 'italic' },
  { tag: [tags.separator, tags.punctuation, tags.squareBracket, tags.brace], color: 'var(--ink-3)' },
]);
