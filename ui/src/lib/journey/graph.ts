/** A journey as nodes and edges: entries above the start, exit rules beside it, each with its end. */

import { ways, kindOf, type Definition, type Kind } from './definition';
import { entryDetail, entryTitle, kindName, ruleDetail, ruleTitle, stepDetail, stepTitle } from './words';

export type NodeKind = Kind | 'entry' | 'rule' | 'end' | 'unknown';

export interface GraphNode {
  id: string;
  kind: NodeKind;
  /** Small line above the title. */
  label: string;
  title: string;
  detail: string;
  /** Of step nodes. */
  step: string | null;
  /** Of ends: exit steps, and where exit rules lead. */
  outcome: string | null;
}

export interface GraphEdge {
  id: string;
  source: string;
  target: string;
  label: string;
  /** Whose count the edge shows; null: of an entry or a rule. */
  way: { step: string; branch: string } | null;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

export function graphOf(definition: Definition): Graph {
  const nodes: GraphNode[] = [...entryNodes(definition), ...stepNodes(definition), ...ruleNodes(definition)];
  const known = new Set(nodes.map((node) => node.id));
  const edges = [...entryEdges(definition), ...stepEdges(definition), ...ruleEdges(definition)];
  return { nodes, edges: edges.filter((edge) => known.has(edge.source) && known.has(edge.target)) };
}

export const stepId = (step: string) => `step:${step}`;
const entryId = (index: number) => `entry:${index}`;
const ruleId = (index: number) => `rule:${index}`;
const endId = (outcome: string) => `end:${outcome}`;

function entryNodes({ entry }: Definition): GraphNode[] {
  return entry.map((each, index) => ({
    id: entryId(index), kind: 'entry', label: 'Entry', title: entryTitle(each), detail: entryDetail(each), step: null, outcome: null,
  }));
}

function stepNodes({ steps }: Definition): GraphNode[] {
  return Object.entries(steps).map(([name, step]) => ({
    id: stepId(name),
    kind: kindOf(step) ?? 'unknown',
    label: `${kindName(step)} · ${name}`,
    title: stepTitle(step),
    detail: stepDetail(step),
    step: name,
    outcome: step.exit?.outcome ?? null,
  }));
}


/** Rules, then the ends they lead to: one for each outcome. */
function ruleNodes({ exit = [] }: Definition): GraphNode[] {
  const rules = exit.map((rule, index): GraphNode => ({
    id: ruleId(index), kind: 'rule', label: 'Exit rule · any step', title: ruleTitle(rule), detail: ruleDetail(rule), step: null, outcome: null,
  }));
  const outcomes = [...new Set(exit.map((rule) => rule.outcome))];
  const ends = outcomes.map((outcome): GraphNode => ({
    id: endId(outcome), kind: 'end', label: 'End · by rule', title: outcome, detail: '', step: null, outcome,
  }));
  return [...rules, ...ends];
}

function entryEdges({ entry, start }: Definition): GraphEdge[] {
  return entry.map((_, index) => ({
    id: `${entryId(index)}>`, source: entryId(index), target: stepId(start), label: '', way: null,
  }));
}

function stepEdges({ steps }: Definition): GraphEdge[] {
  return Object.entries(steps).flatMap(([name, step]) =>
    ways(step).map(({ branch, to }) => ({
      id: `${stepId(name)}>${branch}`,
      source: stepId(name),
      target: stepId(to),
      label: branch === 'next' ? '' : branch,
      way: { step: name, branch },
    })),
  );
}

function ruleEdges({ exit = [] }: Definition): GraphEdge[] {
  return exit.map((rule, index) => ({
    id: `${ruleId(index)}>`, source: ruleId(index), target: endId(rule.outcome), label: '', way: null,
  }));
}

/** Steps in the order in which runs come to them: by distance from the start, then as written. */
export function stepsInOrder(definition: Definition): string[] {
  const found = new Set(definition.start in definition.steps ? [definition.start] : []);
  for (const name of found) {
    for (const { to } of ways(definition.steps[name] ?? {})) if (to in definition.steps) found.add(to);
  }
  return [...found, ...Object.keys(definition.steps).filter((name) => !found.has(name))];
}
