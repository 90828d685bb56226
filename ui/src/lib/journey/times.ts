/** Instants, windows and entries on time in plain words. */

import { duration } from '../format/format';
import { instantWords } from './dates';
import { pathWords } from './paths';

/** What a delay or a timeout waits for. */
export interface Until {
  date?: string;
  offset?: string;
  at?: string;
  weekday?: string | string[];
  instant?: string;
}

/** Hours of weekdays, or the time between two instants. */
export interface Window {
  weekday?: string | string[];
  from?: string;
  to?: string;
  starts_at?: string;
  ends_at?: string;
}

export interface DateEntry {
  of: string;
  offset?: string;
  at?: string;
  every?: 'year' | 'month';
  keep?: boolean;
}

export interface Every {
  days?: number;
  weeks?: number;
  months?: number;
  on?: string | (string | number)[];
  at?: string;
  from?: string;
}

export interface Audience {
  of?: 'present' | 'future' | 'both';
  at?: string;
  every?: Every;
  until?: string;
  after?: number;
  zone?: 'workspace' | 'customer';
  catch_up?: string;
  signal?: string;
}

/** `3 days before customer’s renews_on at 09:00`, `the next Monday at 09:00`. */
export function untilWords(until: Until): string {
  const at = until.at === undefined ? '' : ` at ${until.at}`;
  if (until.instant !== undefined) return instantWords(until.instant);
  if (until.date !== undefined) return `${offsetWords(until.offset)}${pathWords(until.date)}${at}`;
  if (until.weekday !== undefined) return `the next ${daysWords(until.weekday, 'or')}${at}`;
  return `the next ${until.at ?? ''}`;
}

/** `Mon to Fri from 09:00 to 18:00`. */
export function windowWords(window: Window): string {
  if (window.starts_at !== undefined) return `${instantWords(window.starts_at)} to ${instantWords(window.ends_at ?? '')}`;
  const days = window.weekday === undefined ? 'daily' : daysWords(window.weekday, 'and');
  const from = window.from === undefined ? '' : ` from ${window.from}`;
  return `${days}${from}${window.to === undefined ? '' : ` to ${window.to}`}`;
}

/** `Enters 3 days before customer’s renews_on at 09:00, every year`. */
export function dateWords(date: DateEntry): string {
  const at = date.at === undefined ? '' : ` at ${date.at}`;
  return `Enters ${offsetWords(date.offset, 'on ')}${pathWords(date.of)}${at}${date.every === undefined ? '' : `, every ${date.every}`}`;
}

/** Whom an audience takes, and when. */
export function audienceWords(audience: Audience): string {
  const who = { present: 'All customers', future: 'New customers', both: 'All customers, also new ones' };
  if (audience.signal !== undefined) return `All customers, whenever the signal ${audience.signal} comes`;
  if (audience.at === undefined && audience.every === undefined) {
    return audience.of === 'future' || audience.of === 'both' ? who[audience.of] : 'All customers when published';
  }
  const zone = audience.zone === 'customer' ? ', by their own time' : '';
  const when = audience.every === undefined ? `at ${instantWords(audience.at ?? '')}` : everyWords(audience.every);
  const until = audience.until === undefined ? '' : ` until ${audience.until}`;
  const times = audience.after === undefined ? '' : `, ${audience.after} times`;
  const taken = audience.of === 'present' ? 'All customers when published' : audience.of === 'future' ? who.future : who.present;
  return `${taken} ${when}${until}${times}${zone}`;
}

function everyWords(every: Every): string {
  const at = every.at === undefined ? '' : ` at ${every.at}`;
  const on = every.on === undefined ? [] : Array.isArray(every.on) ? every.on : [every.on];
  if (every.weeks !== undefined) return `${each(every.weeks, 'week')} on ${daysWords(on.map(String), 'and')}${at}`;
  if (every.months !== undefined) return `${each(every.months, 'month')} on day ${joined(on.map(String), 'and')}${at}`;
  return `${each(every.days ?? 1, 'day')}${at}`;
}

function each(count: number, unit: string): string {
  return count === 1 ? `every ${unit}` : `every ${count} ${unit}s`;
}

function offsetWords(offset: string | undefined, otherwise = ''): string {
  if (offset === undefined) return otherwise;
  const before = offset.startsWith('-');
  return `${duration(offset.replace(/^[-+]/, ''))} ${before ? 'before' : 'after'} `;
}

function daysWords(weekday: string | string[], last: 'and' | 'or'): string {
  const days = typeof weekday === 'string' ? [weekday] : weekday;
  return joined(days.map((day) => day.charAt(0).toUpperCase() + day.slice(1)), last);
}

function joined(words: string[], last: 'and' | 'or'): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
}
