/** JSON that people type. */

import type { Problem } from '../api/problems';

/** JSON to read and to edit: what fits in a line stands in one. */
export function prettyJson(value: unknown, indent = ''): string {
  const flat = jsonLine(value);
  if (typeof value !== 'object' || value === null || indent.length + flat.length <= WIDTH) return flat;
  const deeper = `${indent}  `;
  if (Array.isArray(value)) return `[\n${value.map((each) => deeper + prettyJson(each, deeper)).join(',\n')}\n${indent}]`;
  const lines = Object.entries(value).map(([name, each]) => `${deeper}${JSON.stringify(name)}: ${prettyJson(each, deeper)}`);
  return `{\n${lines.join(',\n')}\n${indent}}`;
}

/** In one line, with room after each comma and colon to break it. */
export function jsonLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${jsonLine(each)}`).join(', ')}}`;
}

/** Characters of a line. */
const WIDTH = 60;

/** The value, or what is wrong with the text, told at `pointer`. */
export function readJson(text: string, pointer: string): { value: unknown; problems: Problem[] } {
  try {
    return { value: JSON.parse(text) as unknown, problems: [] };
  } catch (error) {
    const why = text.trim() === '' ? 'nothing is written here' : `this is no JSON: ${(error as Error).message}`;
    return { value: null, problems: [{ pointer, message: why }] };
  }
}
