import { call } from './client';

export interface TemplateBody {
  subject?: string;
  html?: string;
  text?: string;
  from?: string;
  /** Of a webhook. */
  url?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface Template {
  id: string;
  channel: string;
  status: string;
  live_version: number;
  updated_at: number | null;
  body: TemplateBody;
  /** Values without which nothing is sent. */
  requires: string[];
}

export const templates = () => call<{ templates: Template[] }>(['templates']);

export const template = (id: string, signal?: AbortSignal) => call<Template>(['templates', id], { signal });
