/** What can be written at a place of the text: by the schema, and names of steps and of what the workspace has. */

import { placeAt, type Place } from './place';
import { formsAt, members, values, type Choice, type Schema } from './schema';

/** Ids of what definitions name. */
export interface Names {
  templates: string[];
  segments: string[];
  subscriptions: string[];
  journeys: string[];
}

export interface Offer extends Choice {
  /** What is written. */
  text: string;
}

export interface Offers {
  from: number;
  offers: Offer[];
}

/** Null: nothing is known there. */
export function offersAt(text: string, at: number, root: Schema, names: Names): Offers | null {
  const place = placeAt(text, at);
  if (place === null) return null;
  const forms = formsAt(root, place.path, place.whole);
  const line = text.slice(text.lastIndexOf('\n', place.from - 1) + 1, place.from);
  const colon = /^\s*:/.test(text.slice(at).replace(/^[\w.@-]*/, ''));
  const offers: Offer[] = [];
  if (place.value) offers.push(...[...named(place, names), ...values(root, forms)].map((each) => ({ ...each, text: each.label })));
  if (place.member) offers.push(...members(root, forms, place.there).map((each) => ({ ...each, text: each.label + (colon || each.label.endsWith('.') ? '' : ': ') })));
  else if (offers.length === 0 && /:\s+$/.test(line)) offers.push(...members(root, forms, []).map((each) => ({ ...each, text: `{${each.label}: }` })));
  return offers.length === 0 ? null : { from: place.from, offers };
}

const STEPS = new Set(['start', 'next', 'else', 'jump', 'to', 'if_past']);

function named({ path, whole }: Place, names: Names): Choice[] {
  const last = path.findLast((part) => !/^\d+$/.test(part)) ?? '';
  const above = path.at(-2) ?? '';
  const steps = () => Object.keys(stepsOf(whole));
  if (STEPS.has(last) || above === 'next' || path[0] === 'migrate') return told(steps(), 'step');
  if (last === 'template') return told(names.templates, 'template');
  if (last === 'subscription') return told(names.subscriptions, 'subscription');
  if (last === 'enter' || last === 'leave' || last === 'journey') return told(names.journeys, 'journey');
  if (['segment', 'leaves', 'add_to', 'remove_from'].includes(last) || (last === 'id' && above === 'segment') || (last === 'in' && above === 'segment')) {
    return told(names.segments, 'segment');
  }
  return last === 'of' && above === 'message' ? told(steps(), 'step') : [];
}

function told(ids: string[], detail: string): Choice[] {
  return ids.map((label) => ({ label, detail, info: '', nested: false }));
}

function stepsOf(whole: unknown): object {
  const steps = (whole as { steps?: unknown } | null)?.steps;
  return typeof steps === 'object' && steps !== null ? steps : {};
}
