/** Where the browser is: the History API, and links that stay within the page. */

import { changed } from './match';

class Location {
  pathname = $state('/');
  search = $state('');
  readonly query = $derived(new URLSearchParams(this.search));
}

export const here = new Location();

/** Shows an address; `replace` leaves no entry in the history. */
export function go(address: string, replace = false): void {
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
  addEventListener('popstate', read);
  document.addEventListener('click', follow);
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
