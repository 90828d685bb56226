/** Instants that are written down. */

/** `2026-05-01 09:00 +02:00`, as it is written. */
export function instantWords(instant: string): string {
  const [, day, time, zone] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(Z|[-+]\d\d:\d\d)?$/.exec(instant) ?? [];
  if (day === undefined) return instant;
  return `${day} ${time}${zone === undefined ? '' : ` ${zone === 'Z' ? 'UTC' : zone}`}`;
}
