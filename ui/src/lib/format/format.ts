/** Numbers and times as people read them. */

const whole = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });

/** 23,570 */
export function count(value: number): string {
  return whole.format(value);
}

/** 23.6K, where there is little room; exact up to 9,999. */
export function short(value: number): string {
  return Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value);
}

/** 12.5%; an empty text where there is nothing to divide by. */
export function share(part: number, of: number): string {
  if (of <= 0) return '';
  const shown = percent.format(part / of);
  if (part > 0 && shown === percent.format(0)) return `<${percent.format(0.001)}`;
  return part < of && shown === percent.format(1) ? `>${percent.format(0.999)}` : shown;
}

/** `1 customer`, `2 customers` */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `just now`, `12 s ago`, `3 min ago`, `5 h ago`, `2 days ago`, then the date. */
export function ago(at: number, now: number): string {
  const passed = now - at;
  if (passed < -MINUTE) return date(at, now);
  if (passed < 2 * SECOND) return 'just now';
  if (passed < MINUTE) return `${Math.floor(passed / SECOND)} s ago`;
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)} min ago`;
  if (passed < DAY) return `${Math.floor(passed / HOUR)} h ago`;
  if (passed < 7 * DAY) return plural(Math.floor(passed / DAY), 'day') + ' ago';
  return date(at, now);
}

/** 24 Nov, or 24 Nov 2025 in another year. */
export function date(at: number, now: number): string {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return new Date(at).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    ...(sameYear ? {} : { year: 'numeric' }),
  });
}

/** 24 Nov 2025, 06:37:12 */
export function moment(at: number): string {
  const day = new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
  return `${day}, ${new Date(at).toLocaleTimeString('en-GB')}`;
}

/** Monday 24 November 2025 */
export function dayOf(at: number): string {
  const day = new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });
  return `${new Date(at).toLocaleDateString('en-GB', { weekday: 'long' })} ${day}`;
}

/** 06:37:12.345 */
export function clock(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB', {
    hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3,
  });
}

/** 1.2 kB */
export function bytes(value: number): string {
  return value < 1000 ? `${value} B` : `${(value / 1000).toFixed(1)} kB`;
}

/** How long it took: `340 ms`, `20 s`, `3 min 5 s`, `2 days 4 h`. */
export function span(ms: number): string {
  if (ms < SECOND) return `${Math.max(0, Math.round(ms))} ms`;
  const parts: [number, string][] = [
    [Math.floor(ms / DAY), 'd'],
    [Math.floor((ms % DAY) / HOUR), 'h'],
    [Math.floor((ms % HOUR) / MINUTE), 'min'],
    [Math.floor((ms % MINUTE) / SECOND), 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts.slice(first, first + 2).filter(([amount]) => amount > 0).map(([n, unit]) => `${n} ${unit}`).join(' ');
}

const UNITS: Record<string, string> = {
  Y: 'year', M: 'month', W: 'week', D: 'day', TH: 'h', TM: 'min', TS: 's',
};

/** An ISO 8601 duration in words: PT20S is `20 s`, P1DT12H is `1 day 12 h`; anything else as it is. No line breaks in it. */
export function duration(iso: string): string {
  const [, days = '', time = ''] = /^P(\d[\dYMWD]*)?(?:T([\dHMS]+))?$/.exec(iso) ?? [];
  const parts = [...units(days, ''), ...units(time, 'T')];
  return parts.length === 0 ? iso : parts.join(' ').replaceAll(' ', '\u00a0');
}

function units(text: string, prefix: string): string[] {
  return [...text.matchAll(/(\d+)([YMWDHS])/g)].map(([, digits = '', letter = '']) => {
    const unit = UNITS[prefix + letter] ?? letter;
    return prefix === '' ? plural(Number(digits), unit) : `${count(Number(digits))} ${unit}`;
  });
}
