/** Who is signed in. The token lives in this tab's sessionStorage and goes nowhere but into the API's header. */

import { connect } from '../api/client';
import { ApiError } from '../api/problems';
import { workspace, type Workspace } from '../api/workspace';
import { connection } from '../live/connection.svelte';
import { tokenOf } from './token';

const KEY = 'laudstream.token';

class Session {
  token = $state<string | null>(sessionStorage.getItem(KEY));
  workspace = $state<Workspace | null>(null);
  /** Why the last token is no longer good. */
  ended = $state<string | null>(null);
  /** A token that was typed in is being tried. */
  asking = $state(false);

  /** Throws what the API says of the token. */
  async signIn(token: string): Promise<void> {
    this.asking = true;
    this.token = token;
    try {
      this.workspace = await workspace();
      sessionStorage.setItem(KEY, token);
      this.ended = null;
    } catch (error) {
      this.token = null;
      throw error;
    } finally {
      this.asking = false;
    }
  }

  signOut(why: string | null = null): void {
    sessionStorage.removeItem(KEY);
    this.token = null;
    this.workspace = null;
    this.ended = why;
  }

  /** Asks who the token belongs to, until the server answers. */
  async resume(): Promise<void> {
    try {
      this.workspace = await workspace();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) setTimeout(() => void this.resume(), 2000);
    }
  }
}

export const session = new Session();

connect({
  token: () => session.token,
  refused: () => session.signOut(session.workspace === null ? null : 'This token is no longer valid.'),
  heard: (answered) => connection.heard(answered),
});

/** Takes `#token=…` out of the address before anything else sees it, and signs in with it; also where the page is there already. */
export function signInFromAddress(): void {
  take();
  addEventListener('hashchange', () => {
    if (take()) void session.resume();
  });
  if (session.token !== null) void session.resume();
}

function take(): boolean {
  const found = tokenOf(location.hash);
  if (found === null) return false;
  history.replaceState(null, '', location.pathname + location.search + found.rest);
  sessionStorage.setItem(KEY, found.token);
  session.token = found.token;
  session.workspace = null;
  session.ended = null;
  return true;
}
