/** Steps, entries and exit rules in plain words. */

import { duration } from '../format/format';
import { conditionWords, topics } from './conditions';
import {
  armsOf, kindOf, waitBranch, type Branch, type Cap, type Defer, type Entry, type ExitRule, type Fallback, type Goal, type Settings, type Step,
} from './definition';
import { emitDetail, emitTitle, updateDetail, updateTitle } from './changes';
import { pathWords } from './paths';
import { audienceWords, dateWords, untilWords, windowWords, type Until } from './times';

/** What a step does, in a line: `Wait for purchase, up to 20 s`. */
export function stepTitle(step: Step): string {
  if (step.message !== undefined) return `Send ${CHANNELS[step.message.channel] ?? step.message.channel}`;
  if (step.delay !== undefined) {
    const { until } = step.delay;
    return until === undefined ? `Hold for ${duration(step.delay.for ?? '')}` : `Hold until ${untilWords(until)}`;
  }
  if (step.window !== undefined) return `Go on only ${windowWords(step.window)}`;
  if (step.wait !== undefined) return waitTitle(step.wait);
  if (step.split !== undefined) {
    const about = step.split.branches.flatMap((branch) => topics(branch.condition ?? {}));
    return `Split by ${listed([...new Set(about)], 'and')}`;
  }
  if (step.experiment !== undefined) return `Try ${listed(Object.keys(armsOf(step.experiment)), 'and')}`;
  if (step.update !== undefined) return updateTitle(step.update);
  if (step.emit !== undefined) return emitTitle(step.emit);
  if (step.jump !== undefined) return `Go to ${typeof step.jump === 'string' ? step.jump : step.jump.to}`;
  if (step.exit !== undefined) return step.exit.outcome;
  return Object.keys(step).find((key) => key !== 'next') ?? 'step';
}

const CHANNELS: Record<string, string> = {
  email: 'an email', sms: 'an SMS', push: 'a push message', webhook: 'a webhook', slack: 'a Slack message',
  in_app: 'an in-app message',
};

function waitTitle(wait: NonNullable<Step['wait']>): string {
  const limit = wait.timeout === undefined ? '' : `, up to ${timeoutWords(wait.timeout)}`;
  return `Wait for ${listed(wait.branches.map(waitedFor), 'or')}${limit}`;
}

function timeoutWords(timeout: { after?: string; until?: Until }): string {
  return timeout.until === undefined ? duration(timeout.after ?? '') : untilWords(timeout.until);
}

function waitedFor(branch: Branch): string {
  if (branch.all_of !== undefined) return listed(branch.all_of.map((member) => member.event.name), 'and');
  if (branch.message !== undefined) return messageWords(branch.message);
  if (branch.changed !== undefined) return `${pathWords(branch.changed)} changes`;
  if (branch.event === undefined) return branch.condition === undefined ? waitBranch(branch) : conditionWords(branch.condition);
  return branch.count !== undefined && branch.count > 1 ? `${branch.count} × ${branch.event.name}` : branch.event.name;
}

/** `a message is opened`, `remind or offer is clicked`. */
function messageWords({ is, of, link }: NonNullable<Branch['message']>): string {
  return `${of === undefined ? 'a message' : listed(of, 'or')} is ${is}${link === undefined ? '' : ` (${link})`}`;
}

/** `a`, `a or b`, `a, b or c`; after three, how many more. */
export function listed(words: string[], last: 'and' | 'or'): string {
  const shown = words.length > 4 ? [...words.slice(0, 3), `${words.length - 3} more`] : words;
  if (shown.length < 2) return shown.join('');
  return `${shown.slice(0, -1).join(', ')} ${last} ${shown.at(-1)}`;
}

/** The line below the title: the template, the shares of the arms, … */
export function stepDetail(step: Step): string {
  if (step.message !== undefined) return step.message.template;
  if (step.experiment !== undefined) {
    const { winner } = step.experiment;
    const rest = winner?.hold_rest ? ', the rest waits' : '';
    const wins = winner === undefined ? [] : [`winner by ${winner.metric}${rest}`];
    return [...Object.entries(armsOf(step.experiment)).map(([arm, weight]) => `${arm} ${weight} %`), ...wins].join(' · ');
  }
  if (step.update !== undefined) return updateDetail(step.update);
  if (step.emit !== undefined) return emitDetail(step.emit);
  const timed: Fallback = step.delay ?? step.window ?? step.wait?.timeout ?? {};
  const words = [
    ...(timed.if_past === undefined ? [] : [`if past: ${FALLBACK_WORDS[timed.if_past] ?? `go to ${timed.if_past}`}`]),
    ...(timed.if_missing === undefined ? [] : [`if missing: ${FALLBACK_WORDS[timed.if_missing] ?? timed.if_missing}`]),
  ];
  return [...(step.wait === undefined ? [] : waitDetail(step.wait)), ...words].join(', ');
}

const FALLBACK_WORDS: Record<string, string> = { pass: 'go on', skip: 'skip the next step', exit: 'leave', hold: 'wait for one' };

/** `looks back to the entry`, `collects view`. */
function waitDetail({ since, collect }: NonNullable<Step['wait']>): string[] {
  const back = since === 'entry' ? ['looks back to the entry'] : since?.startsWith('P') ? [`looks back ${duration(since)}`] : [];
  return [...back, ...(collect === undefined ? [] : [`collects ${listed(collect, 'and')}`])];
}

const KIND_NAMES: Record<string, string> = {
  message: 'Message', delay: 'Delay', window: 'Window', wait: 'Wait', split: 'Split', experiment: 'Experiment',
  update: 'Update', emit: 'Emit', jump: 'Jump', exit: 'End',
};

export function kindName(step: Step): string {
  return KIND_NAMES[kindOf(step) ?? ''] ?? 'Step';
}

/** What leads out by a branch: `purchase arrives`, `after 20 s`, `plan is “pro”`. */
export function branchWords(step: Step, branch: string): string {
  const timed = step.delay ?? step.window ?? step.wait?.timeout;
  if (timed?.if_past !== undefined && (branch === 'past' || branch === 'skip')) return 'the instant is past';
  if (step.wait !== undefined) {
    if (branch === 'timeout') {
      const { timeout } = step.wait;
      if (timeout === undefined) return '';
      return timeout.until === undefined ? `nothing for ${timeoutWords(timeout)}` : `nothing until ${timeoutWords(timeout)}`;
    }
    const found = step.wait.branches.find((each) => waitBranch(each) === branch);
    return found === undefined ? '' : branchCondition(found);
  }
  if (step.split !== undefined) {
    if (branch === 'else') return 'none of the others';
    const found = step.split.branches.find((each, index) => (each.name ?? String(index + 1)) === branch);
    return found?.condition === undefined ? '' : conditionWords(found.condition);
  }
  if (step.experiment !== undefined) return `${armsOf(step.experiment)[branch] ?? 0} % of customers`;
  if (step.message !== undefined) return branch === 'sent' ? 'the message was requested' : 'the message was refused';
  return '';
}

function branchCondition(branch: Branch): string {
  const where = branch.where === undefined ? '' : ` where ${conditionWords(branch.where)}`;
  return `${waitedFor(branch)}${branch.event === undefined ? '' : ' arrives'}${where}`;
}

export function entryTitle(entry: Entry): string {
  if (entry.audience !== undefined) return audienceWords(entry.audience);
  if (entry.date !== undefined) return dateWords(entry.date);
  if (entry.segment !== undefined) return `Enters on ${entry.segment.on === 'leave' ? 'leaving' : 'entering'} segment ${entry.segment.id}`;
  if (entry.api !== undefined) return 'Enters by a call';
  if (entry.event === undefined) return 'Enters';
  return `Enters on ${entry.event.name}`;
}

export function entryDetail(entry: Entry): string {
  const where = entry.where === undefined ? [] : [`where ${conditionWords(entry.where)}`];
  const named = entry.event?.key ?? entry.api?.key;
  const key = named === undefined ? [] : [`for each ${named}`];
  const recurs = entry.date?.every !== undefined || entry.audience?.every !== undefined;
  const restart = entry.while_active === 'restart' ? ['starts over while active'] : [];
  return [...where, ...key, reentryWords(entry.reentry ?? (recurs ? 'always' : 'never')), ...restart].join(', ');
}

function reentryWords(reentry: string): string {
  if (reentry === 'never') return 'once only';
  if (reentry === 'always') return 'again any time';
  return reentry.startsWith('after ') ? `again after ${duration(reentry.slice(6).trim())}` : reentry;
}

export function ruleTitle(rule: ExitRule): string {
  if (rule.event !== undefined) return `Leaves on ${rule.event.name}`;
  return rule.leaves === undefined ? 'Leaves as soon as' : `Leaves on leaving segment ${rule.leaves}`;
}

export function ruleDetail(rule: ExitRule): string {
  if (rule.where !== undefined) return `where ${conditionWords(rule.where)}`;
  return rule.condition === undefined ? 'from any step, at once' : conditionWords(rule.condition);
}

/** `purchase within 3 days, counted by total`. */
export function goalWords(goal: Goal): string {
  const what = goal.event === undefined ? conditionWords(goal.condition ?? {}) : goal.event.name;
  const where = goal.where === undefined ? '' : ` where ${conditionWords(goal.where)}`;
  const value = goal.value === undefined ? '' : `, summed by ${goal.value}`;
  return `${what}${where} within ${duration(goal.within)}${value}${goal.end_on_goal === true ? ', ends the run' : ''}`;
}

/** Settings that are set, as pairs to read. */
export function settingsWords(settings: Settings): [name: string, value: string][] {
  const { quiet_hours: quiet, caps = [], tags = [], windows = [] } = settings;
  const pairs: [string, string | undefined][] = [
    ['Class', settings.class],
    ['Priority', settings.priority?.toString()],
    ['Holdout', settings.holdout === undefined ? undefined : `${settings.holdout} %`],
    ['Quiet hours', quiet === undefined || quiet === 'none' ? quiet : `${quiet.from} to ${quiet.to}`],
    ['Windows', windows.map(windowWords).join(', or ') || undefined],
    ['Put off', settings.defer === undefined ? undefined : deferWords(settings.defer)],
    ['Put off at most', settings.defer_at_most === undefined ? undefined : duration(settings.defer_at_most)],
    ['Pace', settings.pace === undefined ? undefined : `at most ${settings.pace.limit} messages in each ${settings.pace.per}`],
    ['Releases spread over', settings.release_spread === undefined ? undefined : duration(settings.release_spread)],
    ['Caps', caps.map(capWords).join(', ') || undefined],
    ['Open from', settings.starts_at],
    ['Open until', settings.ends_at],
    ['Time zone', settings.time_zone],
    ['Tags', tags.join(', ') || undefined],
  ];
  return pairs.filter((pair): pair is [string, string] => pair[1] !== undefined);
}

function deferWords(defer: Defer): string {
  const { quiet_hours: quiet = false, caps = false } = typeof defer === 'boolean' ? { quiet_hours: defer, caps: defer } : defer;
  if (quiet && caps) return 'quiet hours, windows and caps';
  if (!quiet && !caps) return 'nothing';
  return quiet ? 'quiet hours and windows' : 'caps';
}

/** `2 per week`, `1 per 3 days by email, tagged news`. */
export function capWords({ limit, per, channel, tag, counts }: Cap): string {
  const by = channel === undefined ? '' : ` by ${channel}`;
  const tagged = tag === undefined ? '' : `, tagged ${tag}`;
  return `${limit} per ${PERIODS.includes(per) ? per : duration(per)}${by}${tagged}${counts === 'all' ? ', transactional ones too' : ''}`;
}

const PERIODS = ['day', 'week', 'month'];
