/** The reasons of `laudstream/journey/reasons.py` with their meanings; a test holds the two together. */

export const REASONS: Readonly<Record<string, string>> = {
  already_in: 'a run of this journey, with this key, is still active',
  reentry: 'the customer was in this journey before, and its re-entry rule says no',
  condition: 'the customer or the event does not meet the condition of the entry',
  key_missing: 'the event lacks the property that is the key of the journey',
  too_old: 'the event happened too long ago to start or move anything',
  already_out: 'the customer already meets an exit condition',
  not_open: 'the journey does not take entries before starts_at or after ends_at',
  limit: 'a hard limit of the system was met',
  paused: 'the journey is paused',
  draining: 'the journey takes no more entries',
  held_out: 'the customer belongs to the holdout of the journey and gets no messages',
  suppressed: 'the address is suppressed on this channel',
  unsubscribed: 'the customer has opted out',
  pending: 'the customer has not confirmed the subscription yet',
  no_address: 'the customer has no address for this channel',
  no_template: 'the template does not exist here',
  missing_value: 'the template needs a value that is not there',
  too_large: 'what the template reads is larger than 32 KB',
  expired: 'the message was not sent in time',
  quiet_hours: 'it is quiet time for the customer',
  cap: 'a cap on the number of messages is reached',
  undelivered: 'no delivery told within a day after the last moment to send',
  deleted: 'the customer was deleted',
  journey_stopped: 'the journey was stopped before the message was handed over',
  if_past: 'the instant to wait for is past',
  if_missing: 'the value to wait for is missing',
  refused: 'a message was refused and the step says to exit',
  migrated: 'a new version moved the run out',
  restarted: 'a new entry restarted the journey',
  date_changed: 'the date that started the run changed',
  merged: 'the run of another customer goes on instead',
  stopped: 'the journey was stopped',
  loop: 'the run came to the same step again and nothing had happened',
  failed: 'an error parked the run',
};

/** What a reason means; the word itself if it is newer than this screen. */
export function meaning(reason: string): string {
  return REASONS[reason] ?? reason.replaceAll('_', ' ');
}
