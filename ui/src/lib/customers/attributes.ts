/** Attributes and traits as pairs to read. */

import type { Attributes, Json } from '../api/customers';
import { jsonLine } from '../format/json';

function shown(value: Json): string {
  return typeof value === 'object' && value !== null ? jsonLine(value) : String(value);
}

/** All but those named `besides`. */
export function listed(values: Attributes, ...besides: string[]): [name: string, value: string][] {
  return Object.entries(values)
    .filter(([name]) => !besides.includes(name))
    .map(([name, value]) => [name, shown(value)]);
}
