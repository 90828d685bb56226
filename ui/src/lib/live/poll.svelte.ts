/** A value of the API that stays fresh while somebody looks at it. */

import { untrack } from 'svelte';
import { isGone, keepAsking } from './asking';

export class Poll<T> {
  value = $state.raw<T | null>(null);
  error = $state.raw<Error | null>(null);
  #again: () => void = () => undefined;

  /**
   * To be made while a component is set up. What `source` reads restarts it: it returns the function that asks, or
   * null for nothing to ask. `key` says of which thing the value is; another key drops the value at once, and so does
   * the answer that there is no such thing (any more).
   */
  constructor(source: () => ((signal: AbortSignal) => Promise<T>) | null, key: () => string = () => '') {
    let last = untrack(key);
    $effect(() => {
      const now = key();
      const ask = source();
      if (now !== last) {
        last = now;
        this.value = null;
        this.error = null;
      }
      if (ask !== null) return this.#run(ask);
    });
  }

  /** Asks at once, out of turn. */
  refresh(): void {
    this.#again();
  }

  #run(ask: (signal: AbortSignal) => Promise<T>): () => void {
    const asking = untrack(() => keepAsking(ask, {
      value: (value) => {
        this.value = value;
        this.error = null;
      },
      error: (error) => {
        if (isGone(error)) this.value = null;
        this.error = error;
      },
    }));
    this.#again = asking.again;
    return asking.stop;
  }
}
