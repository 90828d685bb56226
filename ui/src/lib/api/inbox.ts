/** The inbox that `laudstream up` puts in the place of a mail server; development only. */

import { call } from './client';

export interface MailLine {
  id: number;
  from: string;
  to: string;
  subject: string;
  received_at: number;
  send_id: string;
  size: number;
}

export interface Mail extends Omit<MailLine, 'size'> {
  html: string;
  text: string;
  headers: [name: string, value: string][];
}

export interface MailPage {
  mails: MailLine[];
  next: string | null;
}

export const mails = (query: string, after: string | null, signal?: AbortSignal) =>
  call<MailPage>(['inbox'], { query: { query, after, limit: 50 }, signal });

export const mail = (id: string, signal?: AbortSignal) => call<Mail>(['inbox', id], { signal });
