/** What the API says of a text while it is written: asked a moment after the last key, and never about an older text. */

import type { Problem } from '../api/problems';
import { placed, read, type Mark } from './text';

export interface Answer {
  problems: Problem[];
  doubts: Problem[];
}

export type Body = Record<string, unknown>;

export interface Source {
  /** `thorough`: also what takes the server longer. */
  ask: (body: Body, thorough: boolean, signal: AbortSignal) => Promise<Answer>;
  /** What only this screen knows, such as the id that the definition must have. */
  own: (body: Body) => Problem[];
}

export const REST_MS = 600;

export class Checks {
  problems = $state.raw<Mark[]>([]);
  doubts = $state.raw<Mark[]>([]);
  /** It could not be checked. */
  failure = $state.raw<Error | null>(null);
  state = $state<'waiting' | 'asking' | 'done'>('waiting');
  #source: Source;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | null = null;

  constructor(source: Source) {
    this.#source = source;
  }

  /** In a moment, unless the text changes again. */
  later(text: string): void {
    this.stop();
    this.state = 'waiting';
    this.#timer = setTimeout(() => void this.now(text), REST_MS);
  }

  /** The body of a text that a publish would take; null: it would not, or nobody could say. */
  async now(text: string, thorough = false): Promise<Body | null> {
    this.stop();
    const asking = new AbortController();
    this.#asking = asking;
    this.state = 'asking';
    const { body, problems } = read(text);
    if (body === null) return this.#done(problems, [], null);
    try {
      const own = this.#source.own(body);
      const answer = await this.#source.ask(body, thorough, asking.signal);
      if (asking.signal.aborted) return null;
      const found = placed(text, [...own, ...answer.problems]);
      this.#done(found, placed(text, answer.doubts), null);
      return found.length === 0 ? body : null;
    } catch (error) {
      return asking.signal.aborted ? null : this.#done(this.problems, this.doubts, error as Error);
    }
  }

  /** What was refused after all. */
  refused(text: string, problems: Problem[]): void {
    this.#done(placed(text, problems), [], null);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  #done(problems: Mark[], doubts: Mark[], failure: Error | null): null {
    this.problems = problems;
    this.doubts = doubts;
    this.failure = failure;
    this.state = 'done';
    return null;
  }
}
