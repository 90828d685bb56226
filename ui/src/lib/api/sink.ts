/** The sink that `laudstream up` gives webhooks to call; development only. */

import { call } from './client';

export interface CallLine {
  id: number;
  received_at: number;
  method: string;
  path: string;
  /** What the sink answered. */
  status: number;
  send_id: string;
  size: number;
}

export interface Received extends Omit<CallLine, 'size'> {
  headers: [name: string, value: string][];
  body: string;
}

export const calls = (query: string, after: string | null, signal?: AbortSignal) =>
  call<{ calls: CallLine[]; next: string | null }>(['sink'], { query: { query, after, limit: 50 }, signal });

export const received = (id: string, signal?: AbortSignal) => call<Received>(['sink', id], { signal });
