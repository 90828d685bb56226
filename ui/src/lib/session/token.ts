/** The token in an address: `#token=…`. */

/** The token, and the address without it; null: there is none. */
export function tokenOf(hash: string): { token: string; rest: string } | null {
  const parameters = new URLSearchParams(hash.replace(/^#/, ''));
  const token = parameters.get('token')?.trim() ?? '';
  if (token === '') return null;
  parameters.delete('token');
  const rest = parameters.toString();
  return { token, rest: rest === '' ? '' : `#${rest}` };
}
