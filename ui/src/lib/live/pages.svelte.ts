/** A list of the API, page by page. The first page stays fresh; further ones are added below it. */

import { Poll } from './poll.svelte';

export interface Page<Item> {
  items: Item[];
  next: string | null;
}

export class Pages<Item> {
  #first = $state.raw<Poll<Page<Item>> | null>(null);
  #more = $state.raw<Page<Item> | null>(null);
  /** Ends the first page: where the further ones began. */
  #frozen = $state.raw<Page<Item> | null>(null);
  #load: (after: string | null, signal?: AbortSignal) => Promise<Page<Item>>;
  loading = $state(false);
  moreError = $state.raw<Error | null>(null);

  readonly items: Item[] | null = $derived.by(() => {
    if (this.#frozen !== null) return [...this.#frozen.items, ...(this.#more?.items ?? [])];
    return this.#first?.value?.items ?? null;
  });
  readonly next = $derived((this.#more ?? this.#frozen ?? this.#first?.value)?.next ?? null);
  readonly error = $derived(this.#first?.error ?? null);
  /** Further pages are shown, so new items no longer appear by themselves. */
  readonly held = $derived(this.#frozen !== null);

  /** `key` says which list it is (its filters): another one begins anew. While it is `over` nothing is asked. */
  constructor(load: (after: string | null, signal?: AbortSignal) => Promise<Page<Item>>, key: () => string, over: () => boolean = () => false) {
    this.#load = load;
    let last = key();
    $effect(() => {
      const now = key();
      if (now !== last) this.reset();
      last = now;
    });
    this.#first = new Poll(() => {
      key();
      return this.#frozen === null && !over() ? (signal) => load(null, signal) : null;
    }, key);
  }

  /** Asks for the first page at once, out of turn. */
  retry(): void {
    this.#first?.refresh();
  }

  /** Back to the first page, fresh. */
  reset(): void {
    this.#frozen = null;
    this.#more = null;
    this.moreError = null;
  }

  async loadMore(): Promise<void> {
    const after = this.next;
    if (after === null || this.loading) return;
    this.loading = true;
    this.moreError = null;
    try {
      const page = await this.#load(after);
      this.#frozen ??= this.#first?.value ?? null;
      this.#more = { items: [...(this.#more?.items ?? []), ...page.items], next: page.next };
    } catch (error) {
      this.moreError = error instanceof Error ? error : new Error(String(error));
    } finally {
      this.loading = false;
    }
  }
}
