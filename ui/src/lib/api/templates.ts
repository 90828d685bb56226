import { call } from './client';

export interface Template {
  id: string;
  channel: string;
  status: string;
  live_version: number;
  updated_at: number | null;
  body: { subject?: string; html?: string; text?: string; from?: string };
  /** Values without which nothing is sent. */
  requires: string[];
}

export const template = (id: string, signal?: AbortSignal) => call<Template>(['templates', id], { signal });
