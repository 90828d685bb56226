/** A value of the API that stays fresh while somebody looks at it. */

import { untrack } from 'svelte';

const EVERY_MS = 2000;
const AFTER_ERROR_MS = 4000;

export class Poll<T> {
  value = $state.raw<T | null>(null);
  error = $state.raw<Error | null>(null);
  #again: () => void = () => undefined;

  /**
   * To be made while a component is set up. What `source` reads restarts it: it returns the function that asks, or
   * null for nothing to ask. `key` says of which thing the value is; another key drops the value at once.
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
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let busy = false;
    const later = (ms: number) => {
      clearTimeout(timer);
      if (!stop.signal.aborted) timer = setTimeout(() => void turn(), ms);
    };
    const turn = async () => {
      if (busy || document.hidden) return;
      busy = true;
      try {
        const value = await ask(stop.signal);
        if (stop.signal.aborted) return;
        this.value = value;
        this.error = null;
        later(EVERY_MS);
      } catch (error) {
        if (stop.signal.aborted) return;
        this.error = error instanceof Error ? error : new Error(String(error));
        later(AFTER_ERROR_MS);
      } finally {
        busy = false;
      }
    };
    this.#again = () => later(0);
    document.addEventListener('visibilitychange', () => void turn(), { signal: stop.signal });
    untrack(() => void turn());
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }
}
