import { call } from './client';
import type { Attributes } from './customers';

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

export interface Preview {
  subject: string;
  html: string;
  text: string;
  /** Required values that are not there. */
  missing: string[];
}

export const template = (id: string, signal?: AbortSignal) => call<Template>(['templates', id], { signal });

/** What a customer with these attributes would get. */
export const preview = (id: string, customer: Attributes, signal?: AbortSignal) =>
  call<Preview>(['templates', id, 'preview'], { method: 'POST', body: { context: { customer } }, signal });
