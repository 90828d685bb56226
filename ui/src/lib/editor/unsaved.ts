/** Text that is not saved yet, kept in this browser: it is there again after the page was left or loaded anew. */

export interface Kept {
  text: string;
  /** What the server had when it was begun. */
  begun: string;
  at: number;
}

/** As much of the browser's storage as this needs. */
export type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** `id` null: of a new one. */
const key = (id: string | null) => (id === null ? 'laudstream.unsaved' : `laudstream.unsaved/${id}`);

/** False: the browser does not keep it. */
export function keep(id: string | null, kept: Kept, store: Store = localStorage): boolean {
  try {
    store.setItem(key(id), JSON.stringify(kept));
    return true;
  } catch {
    return false; // it is full, or forbidden
  }
}

export function forget(id: string | null, store: Store = localStorage): void {
  try {
    store.removeItem(key(id));
  } catch {
    // then nothing was kept either
  }
}

export function kept(id: string | null, store: Store = localStorage): Kept | null {
  try {
    const found = JSON.parse(store.getItem(key(id)) ?? 'null') as Partial<Kept> | null;
    if (typeof found?.text !== 'string' || typeof found.begun !== 'string' || typeof found.at !== 'number') return null;
    return { text: found.text, begun: found.begun, at: found.at };
  } catch {
    return null;
  }
}
