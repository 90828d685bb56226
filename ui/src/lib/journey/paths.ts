/** Paths of values in plain words. */

/** `event.amount` → `amount`, `customer.plan` → `customer’s plan`, `steps.look.event.sku` → `sku of the event at look` */
export function pathWords(path: string): string {
  const [root = '', ...rest] = path.split('.');
  if (root === 'event' && rest.length > 0) return rest.join('.');
  if (OWNERS.has(root) && rest.length > 0) return `${root}’s ${rest.join('.')}`;
  if (root === 'steps' && rest.length > 2) return `${rest.slice(2).join('.')} of the event at ${rest[0]}`;
  return path;
}

const OWNERS = new Set(['customer', 'group', 'entry']);
