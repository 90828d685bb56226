/** Where the browser is: the History API, and links that stay within the page. */

import { changed } from './match';

class Location {
  pathname = $state('/');
  search = $state('');
  readonly query = $derived(new URLSearchParams(this.search));
}

export const here = new Location();

export interface Guard {
  /** Whether something would be lost. */
  holds: () => boolean;
  /** Asks whoever is there, and calls `leave` if they want to. */
  ask: (leave: () => void) => void;
}

let guard: Guard | null = null;

/** Asks before another page is shown; returns what ends that. */
export function guarded(by: Guard): () => void {
  guard = by;
  return () => {
    if (guard === by) guard = null;
  };
}

/** Whether the way to a page is free; else somebody is asked, and `leave` comes of it or not. */
function free(pathname: string, leave: () => void): boolean {
  if (guard === null || pathname === here.pathname || !guard.holds()) return true;
  guard.ask(() => {
    guard = null;
    leave();
  });
  return false;
}

/** Shows an address; `replace` leaves no entry in the history. */
export function go(address: string, replace = false): void {
  if (!free(new URL(address, location.href).pathname, () => go(address, replace))) return;
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  const before = here.pathname;
  read();
  if (here.pathname !== before) scrollTo(0, 0);
}

/** Changes parameters of the present address, without an entry in the history. */
export function adjust(changes: Record<string, string>): void {
  go(here.pathname + changed(here.search, changes), true);
}

function read(): void {
  here.pathname = location.pathname;
  here.search = location.search;
}

export function start(): void {
  read();
  addEventListener('popstate', back);
  document.addEventListener('click', follow);
}

/** The browser is there already: until somebody wants to leave, it goes back to where it was. */
function back(): void {
  const address = location.pathname + location.search;
  const held = here.pathname + here.search;
  if (free(location.pathname, () => go(address))) read();
  else history.pushState(null, '', held);
}

function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (link === null || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.pathname === location.pathname && link.hash !== '') return; // a place on this page
  event.preventDefault();
  go(link.pathname + link.search);
}
