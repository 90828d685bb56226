/** Asks again and again, one question at a time, while the page is looked at. */

import { ApiError } from '../api/problems';

const EVERY_MS = 2000;
const AFTER_ERROR_MS = 4000;

interface Heard<T> {
  value: (value: T) => void;
  error: (error: Error) => void;
}

export interface Asking {
  /** Asks at once, out of turn. */
  again: () => void;
  stop: () => void;
}

/** What is not there is not asked for again, but by `again`. */
export const isGone = (error: Error) => error instanceof ApiError && error.status === 404;

export function keepAsking<T>(ask: (signal: AbortSignal) => Promise<T>, heard: Heard<T>): Asking {
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let busy = false;
  let over = false;
  const later = (ms: number) => {
    clearTimeout(timer);
    if (!stop.signal.aborted) timer = setTimeout(() => void turn(), ms);
  };
  const turn = async () => {
    if (busy || over || document.hidden) return;
    busy = true;
    try {
      const value = await ask(stop.signal);
      if (stop.signal.aborted) return;
      heard.value(value);
      later(EVERY_MS);
    } catch (thrown) {
      if (stop.signal.aborted) return;
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      over = isGone(error);
      heard.error(error);
      if (!over) later(AFTER_ERROR_MS);
    } finally {
      busy = false;
    }
  };
  document.addEventListener('visibilitychange', () => void turn(), { signal: stop.signal });
  void turn();
  return {
    again: () => {
      over = false;
      later(0);
    },
    stop: () => {
      stop.abort();
      clearTimeout(timer);
    },
  };
}
