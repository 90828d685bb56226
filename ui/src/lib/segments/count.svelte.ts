/** A count of customers whose answer comes in parts: the newest one, whether more are awaited, what went wrong. */

import type { Condition } from '../journey/definition';

/** Parts of an answer, each of which says more than the one before. */
export type Parts<Found> = (condition: Condition, signal: AbortSignal) => AsyncIterable<Found>;

export class Count<Found> {
  found = $state.raw<Found | null>(null);
  failure = $state.raw<Error | null>(null);
  #asking = $state.raw<AbortController | null>(null);
  #counted = $state.raw('');
  #condition: () => Condition | null;
  #parts: Parts<Found>;

  readonly asking: boolean = $derived(this.#asking !== null);
  /** The condition is another one by now. */
  readonly stale: boolean = $derived.by(() => this.found !== null && this.#counted !== JSON.stringify(this.#condition()));

  /** To be made while a component is set up, with which it ends. `condition` null: there is nothing to ask. */
  constructor(condition: () => Condition | null, parts: Parts<Found>) {
    this.#condition = condition;
    this.#parts = parts;
    $effect(() => () => this.stop());
  }

  /** Counts anew. */
  async ask(): Promise<void> {
    const condition = this.#condition();
    if (condition === null) return;
    this.stop();
    const mine = new AbortController();
    this.#asking = mine;
    this.#counted = JSON.stringify(condition);
    this.failure = null;
    this.found = null;
    try {
      for await (const part of this.#parts(condition, mine.signal)) {
        if (mine.signal.aborted) break;
        this.found = part;
      }
    } catch (error) {
      if (!mine.signal.aborted) this.failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      if (this.#asking === mine) this.#asking = null;
    }
  }

  /** Waits no longer; what was found stays. */
  stop(): void {
    this.#asking?.abort();
    this.#asking = null;
  }
}
