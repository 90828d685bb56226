/** What a screen that is left says on the next one, once: `ann is deleted.` */

let words = '';

export function leaveWords(said: string): void {
  words = said;
}

/** Empty: nothing was left. */
export function takeWords(): string {
  const said = words;
  words = '';
  return said;
}
