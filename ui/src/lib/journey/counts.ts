/** Which numbers belong to which node and edge. */

import type { Counts, Stats, StepStats } from '../api/journeys';
import type { Definition } from './definition';
import type { GraphEdge, GraphNode } from './graph';

export interface StepNumbers {
  here: number;
  /** Left for another step, or ended here. */
  passed: number;
  sent: number;
  requested: number;
  refused: number;
  failed: number;
}

export function sum(counts: Counts | undefined): number {
  return Object.values(counts ?? {}).reduce((total, each) => total + each, 0);
}

export function numbersOf(step: Partial<StepStats> | undefined): StepNumbers {
  return {
    here: step?.here ?? 0,
    passed: sum(step?.left) + sum(step?.ended),
    sent: step?.sent ?? 0,
    requested: step?.requested ?? 0,
    refused: sum(step?.refused),
    failed: step?.failed ?? 0,
  };
}

/** How many came to an end: an exit step's own, or those whom exit rules took to this outcome. */
export function ended(node: GraphNode, definition: Definition, stats: Stats): number {
  const outcome = node.outcome ?? '';
  if (node.step !== null) return stats.steps[node.step]?.ended?.[outcome] ?? 0;
  const bySteps = Object.entries(definition.steps)
    .filter(([, step]) => step.exit?.outcome === outcome)
    .reduce((total, [name]) => total + (stats.steps[name]?.ended?.[outcome] ?? 0), 0);
  return Math.max(0, (stats.ended[outcome] ?? 0) - bySteps);
}

/** How many went this way; null where that is not counted. */
export function went(edge: GraphEdge, definition: Definition, stats: Stats): number | null {
  if (edge.way !== null) return stats.steps[edge.way.step]?.left?.[edge.way.branch] ?? 0;
  if (edge.source.startsWith('entry:')) return definition.entry.length === 1 ? stats.entered : null;
  const rules = (definition.exit ?? []).filter((rule) => edge.target === `end:${rule.outcome}`);
  if (rules.length !== 1) return null;
  const end = { step: null, outcome: rules[0]?.outcome ?? null } as GraphNode;
  return ended(end, definition, stats);
}

/** Largest first. */
export function ranked(counts: Counts): [name: string, amount: number][] {
  return Object.entries(counts).sort(([, a], [, b]) => b - a);
}
