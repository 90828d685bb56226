/** The one way to the API: a token, JSON in and out, errors as `ApiError` or `Unreachable`. */

import { ApiError, parseProblem, Unreachable } from './problems';

export type Query = Record<string, string | number | null | undefined>;

interface Options {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  query?: Query;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

interface Hooks {
  token: () => string | null;
  /** The token does not open the API (any more). */
  refused: () => void;
  /** Whether the server answered. */
  heard: (answered: boolean) => void;
}

let hooks: Hooks = { token: () => null, refused: () => undefined, heard: () => undefined };

export function connect(given: Hooks): void {
  hooks = given;
}

/** Address of the API with its parts encoded and empty parameters left out. */
export function address(parts: string[], query: Query = {}): string {
  const path = parts.map((part) => encodeURIComponent(part)).join('/');
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return `/api/${path}${search === '' ? '' : `?${search}`}`;
}

export async function call<T>(parts: string[], options: Options = {}): Promise<T> {
  const token = hooks.token();
  const response = await answer(address(parts, options.query), {
    method: options.method ?? 'GET',
    headers: {
      Accept: 'application/json',
      ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
      ...(options.body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    body: options.body === undefined ? null : JSON.stringify(options.body),
    signal: options.signal ?? null,
    cache: 'no-store',
    credentials: 'omit',
  });
  if (response.ok) {
    const text = await response.text(); // done, or taken on (202), has no words
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
  if (response.status === 401) hooks.refused();
  throw new ApiError(parseProblem(response.status, await response.text()));
}

async function answer(url: string, init: RequestInit): Promise<Response> {
  try {
    const response = await fetch(url, init);
    hooks.heard(![502, 504].includes(response.status));
    return response;
  } catch (error) {
    if (init.signal?.aborted) throw error;
    hooks.heard(false);
    throw new Unreachable();
  }
}
