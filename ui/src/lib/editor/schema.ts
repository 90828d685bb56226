/** What the published JSON Schema says of a place in a definition: which members, which values, in which words. */

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string;
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
}

export interface Choice {
  label: string;
  detail: string;
  info: string;
  /** What is written for it where it is a member. */
  nested: boolean;
}

/** The forms that may stand at a path. What is written already says which of several forms is meant. */
export function formsAt(root: Schema, path: string[], value: unknown): Schema[] {
  let forms = fitting(root, [root], value);
  let here = value;
  for (const part of path) {
    here = memberOf(here, part);
    forms = fitting(root, forms.flatMap((form) => below(form, part)), here);
  }
  return forms;
}

/** Members that may be added where `there` are. */
export function members(root: Schema, forms: Schema[], there: string[]): Choice[] {
  const found = new Map<string, Choice>();
  for (const form of forms) {
    for (const [name, schema] of Object.entries(form.properties ?? {})) {
      if (there.includes(name) || found.has(name)) continue;
      const detail = (form.required ?? []).includes(name) && forms.length === 1 ? 'needed' : '';
      const inner = plain(root, schema);
      found.set(name, { label: name, detail, info: aboutAll(root, [schema]), nested: inner.some((each) => each.type === 'object' || each.type === 'array') });
    }
    for (const pattern of Object.keys(form.patternProperties ?? {})) {
      const roots = /^\^\(([\w|]+)\)\\\.$/.exec(pattern)?.[1]?.split('|') ?? [];
      for (const name of roots) found.set(`${name}.`, { label: `${name}.`, detail: 'a path', info: '', nested: false });
    }
  }
  return [...found.values()];
}

/** Values that can be told beforehand. */
export function values(root: Schema, forms: Schema[]): Choice[] {
  const found = new Map<string, Choice>();
  for (const form of forms.flatMap((each) => plain(root, each))) {
    const told = form.enum ?? (form.const !== undefined ? [form.const] : form.type === 'boolean' ? [true, false] : []);
    for (const value of told) {
      const label = String(value);
      found.set(label, { label, detail: form.default === value ? 'default' : '', info: form.description ?? '', nested: false });
    }
  }
  return [...found.values()];
}

/** `one of marketing, transactional; default marketing` */
export function aboutAll(root: Schema, forms: Schema[]): string {
  const words = forms.flatMap((form) => plain(root, form)).map(about);
  return [...new Set(words.filter((each) => each !== ''))].join('\nor ');
}

function about(form: Schema): string {
  const words = [form.description ?? '', shape(form), form.default === undefined ? '' : `default ${String(form.default)}`];
  return words.filter((each) => each !== '').join('; ');
}

function shape(form: Schema): string {
  if (form.enum !== undefined) return `one of ${form.enum.join(', ')}`;
  if (form.const !== undefined) return `always ${String(form.const)}`;
  if (form.type === 'object') return `with ${Object.keys(form.properties ?? {}).join(', ') || 'names of your own'}`;
  if (form.type === 'array') return 'a list';
  if (form.type === 'boolean') return 'true or false';
  if (form.type === 'integer' || form.type === 'number') {
    const range = form.minimum === undefined ? '' : form.maximum === undefined ? ` from ${form.minimum}` : ` from ${form.minimum} to ${form.maximum}`;
    return `${form.type === 'integer' ? 'a whole number' : 'a number'}${range}`;
  }
  return form.description === undefined && form.type === 'string' ? 'text' : '';
}

/** Without references and alternatives. */
function plain(root: Schema, form: Schema): Schema[] {
  if (form.$ref !== undefined) return plain(root, root.$defs?.[form.$ref.split('/').at(-1) ?? ''] ?? {});
  const ways = form.oneOf ?? form.anyOf;
  if (ways === undefined) return [form];
  const { description } = form;
  return ways.flatMap((each) => plain(root, description === undefined ? each : { description, ...each }));
}

/** Those forms to which what is written belongs; all if it belongs to none. */
function fitting(root: Schema, forms: Schema[], value: unknown): Schema[] {
  const all = forms.flatMap((form) => plain(root, form));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return all;
  const names = Object.keys(value);
  const known = (form: Schema) => names.filter((name) => below(form, name).length > 0).length;
  const most = Math.max(...all.map(known));
  return most === 0 ? all : all.filter((form) => known(form) === most);
}

function below(form: Schema, part: string): Schema[] {
  if (form.items !== undefined && /^\d+$/.test(part)) return [form.items];
  const named = Object.hasOwn(form.properties ?? {}, part) ? form.properties?.[part] : undefined;
  if (named !== undefined) return [named];
  const matched = Object.entries(form.patternProperties ?? {}).filter(([pattern]) => new RegExp(pattern).test(part));
  if (matched.length > 0) return matched.map(([, schema]) => schema);
  return typeof form.additionalProperties === 'object' ? [form.additionalProperties] : [];
}

function memberOf(value: unknown, part: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? (value as Record<string, unknown>)[part] : undefined;
}
