/** Addresses and the screens behind them. A pattern's `:name` takes one part of the path, decoded. */

export type Params = Record<string, string>;

export interface Match<Screen> {
  screen: Screen;
  params: Params;
}

export type Table<Screen> = readonly (readonly [pattern: string, screen: Screen])[];

/** The first line of the table that the path meets; null: there is no such page. */
export function match<Screen>(table: Table<Screen>, pathname: string): Match<Screen> | null {
  const parts = split(pathname);
  for (const [pattern, screen] of table) {
    const params = fit(split(pattern), parts);
    if (params !== null) return { screen, params };
  }
  return null;
}

function fit(pattern: string[], parts: string[]): Params | null {
  if (pattern.length !== parts.length) return null;
  const params: Params = {};
  for (const [index, expected] of pattern.entries()) {
    const part = decoded(parts[index] ?? '');
    if (part === null) return null;
    if (expected.startsWith(':')) params[expected.slice(1)] = part;
    else if (expected !== part) return null;
  }
  return params;
}

function split(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** `path('customers', id)`: an address within the UI. */
export function path(...parts: string[]): string {
  return `/${parts.map((part) => encodeURIComponent(part)).join('/')}`;
}

/** `search` with some of its parameters changed; empty ones are left out. */
export function changed(search: string, changes: Record<string, string>): string {
  const parameters = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') parameters.delete(name);
    else parameters.set(name, value);
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
