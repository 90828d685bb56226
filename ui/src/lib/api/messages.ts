import { call } from './client';

export const STATUSES = [
  'requested', 'unknown', 'sent', 'delivered', 'opened', 'clicked', 'bounced', 'complained', 'failed', 'refused',
] as const;

export type MessageStatus = (typeof STATUSES)[number];

export interface Message {
  send_id: string;
  customer: string;
  channel: string;
  message_class: string;
  journey: string;
  version: number;
  run: string;
  step: string;
  template: string;
  template_version: number;
  status: MessageStatus;
  reason: string;
  requested_at: number | null;
  sent_at: number | null;
  status_at: number | null;
}

export interface MessagePage {
  messages: Message[];
  next: string | null;
}

export interface Filter {
  journey: string;
  customer: string;
  status: string;
}

export const messages = (filter: Filter, after: string | null, signal?: AbortSignal) =>
  call<MessagePage>(['messages'], { query: { ...filter, after, limit: 50 }, signal });
