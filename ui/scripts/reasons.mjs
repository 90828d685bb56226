// Writes src/lib/journey/reasons.json from the core's enumeration: `npm run reasons`.
import { readFileSync, writeFileSync } from 'node:fs';

const source = readFileSync(new URL('../../laudstream/journey/reasons.py', import.meta.url), 'utf8');
const found = [...source.matchAll(/^ {4}[A-Z_]+ = "([a-z_]+)", "([^"]+)"/gm)].map(([, word, meaning]) => [word, meaning]);
writeFileSync(
  new URL('../src/lib/journey/reasons.json', import.meta.url),
  `${JSON.stringify(Object.fromEntries(found), null, 2)}\n`,
);
