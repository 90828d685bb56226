/** Places for the nodes and paths for the edges, top-down (dagre: Gansner et al., A technique for drawing directed graphs, 1993). */

import { Graph as Layered, layout as place } from '@dagrejs/dagre';

import type { Graph, GraphEdge, GraphNode } from './graph';

export interface Point {
  x: number;
  y: number;
}

export interface Placed {
  width: number;
  height: number;
  /** Middle of the entries, from the left: where one begins to read. */
  begin: number;
  /** Upper left corners. */
  nodes: Map<string, Point>;
  edges: Map<string, Drawn>;
}

export interface Drawn {
  /** SVG path. */
  path: string;
  /** Middle of the label. */
  label: Point;
  /** SVG path of the arrow head. */
  head: string;
}

interface Size {
  width: number;
  height: number;
}

type Drawing = Size & { begin: number };

const WIDTH = 248;
const END: Size = { width: 228, height: 60 };
/** Letters that fit in a line, and what a line and the rest of a node take. */
const TITLE_LETTERS = 23;
const DETAIL_LETTERS = 26;
const LINE = 18;
const FRAME = 34;
const NUMBERS = 40;

/** As high as its words need, at most two lines of each; steps have their numbers below. */
export function sizeOf({ kind, title, detail }: GraphNode, numbered = true): Size {
  if (kind === 'end' || kind === 'exit') return END;
  const lines = linesOf(title, TITLE_LETTERS) + linesOf(detail, DETAIL_LETTERS);
  const numbers = !numbered || kind === 'entry' || kind === 'rule' ? 0 : NUMBERS;
  return { width: WIDTH, height: FRAME + lines * LINE + numbers };
}

function linesOf(text: string, letters: number): number {
  return Math.min(2, Math.ceil(text.length / letters));
}

const LABEL_HEIGHT = 24;
const LETTER = 6.6;
const DIGITS = 8;
const HEAD = 7;
/** How small a drawing may begin: by its height, and by its width, since half a branch says less than small words. */
const LEGIBLE = 0.85;
const SMALLEST = 0.65;

export function layout(graph: Graph, numbered = true): Placed {
  const layered = new Layered({ multigraph: true });
  layered.setGraph({ rankdir: 'TB', nodesep: 36, ranksep: 32, edgesep: 20, marginx: 12, marginy: 12 });
  layered.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) layered.setNode(node.id, { ...sizeOf(node, numbered) });
  for (const edge of graph.edges) layered.setEdge(edge.source, edge.target, labelSize(edge), edge.id);
  place(layered);
  const { width = 0, height = 0 } = layered.graph() as Partial<Size>;
  const entries = graph.nodes.filter(({ kind }) => kind === 'entry').map(({ id }) => (layered.node(id) as Point).x);
  return {
    width,
    height,
    begin: entries.length === 0 ? width / 2 : (Math.min(...entries) + Math.max(...entries)) / 2,
    nodes: new Map(graph.nodes.map((node) => [node.id, corner(sizeOf(node, numbered), layered.node(node.id) as Point)])),
    edges: new Map(graph.edges.map((edge) => [edge.id, drawn(edge, layered)])),
  };
}

/** The first view of a drawing: all of it if that can be read, else its top at a size that can, with the entries in it. */
export function firstView(placed: Drawing, pane: Size): Point & { zoom: number } {
  const whole = Math.min(pane.width / placed.width, pane.height / placed.height);
  const zoom = Math.min(1, Math.max(whole, SMALLEST, Math.min(LEGIBLE, pane.width / placed.width)));
  const spare = pane.height - placed.height * zoom;
  const hidden = Math.min(0, pane.width - placed.width * zoom);
  const x = hidden === 0 ? (pane.width - placed.width * zoom) / 2 : Math.min(0, Math.max(hidden, pane.width / 2 - placed.begin * zoom));
  return { x, y: Math.max(0, spare / 2), zoom };
}

/** All of a drawing, in the middle. */
function wholeView(placed: Size, pane: Size): Point & { zoom: number } {
  const zoom = Math.min(1, 0.96 * Math.min(pane.width / placed.width, pane.height / placed.height));
  return { x: (pane.width - placed.width * zoom) / 2, y: (pane.height - placed.height * zoom) / 2, zoom };
}

/** The view after the pane was resized: fitted again if it was, whole again if all was in view, else with the same point in the middle. */
export function resized(view: Point & { zoom: number }, placed: Drawing, before: Size, now: Size): Point & { zoom: number } {
  const fitted = firstView(placed, before);
  const near = (a: number, b: number) => Math.abs(a - b) < 1;
  if (near(view.x, fitted.x) && near(view.y, fitted.y) && Math.abs(view.zoom - fitted.zoom) < 0.01) return firstView(placed, now);
  const inView = (at: number, length: number, room: number) => at > -1 && at + length * view.zoom < room + 1;
  if (inView(view.x, placed.width, before.width) && inView(view.y, placed.height, before.height)) return wholeView(placed, now);
  return { x: view.x + (now.width - before.width) / 2, y: view.y + (now.height - before.height) / 2, zoom: view.zoom };
}

function labelSize(edge: GraphEdge): Size & { labelpos: string } {
  return { width: Math.max(40, (edge.label.length + DIGITS) * LETTER + 16), height: LABEL_HEIGHT, labelpos: 'c' };
}

function corner({ width, height }: Size, centre: Point): Point {
  return { x: centre.x - width / 2, y: centre.y - height / 2 };
}

function drawn(edge: GraphEdge, layered: Layered): Drawn {
  const found = layered.edge({ v: edge.source, w: edge.target, name: edge.id }) as { points: Point[]; x?: number; y?: number };
  const bends = found.points.slice(1, -1);
  const middle = bends[Math.floor(bends.length / 2)] ?? { x: 0, y: 0 };
  const from = port(edge.source, bends[0] ?? middle, layered);
  const to = port(edge.target, bends.at(-1) ?? middle, layered);
  return {
    path: smooth([from.point, ...bends, { x: to.point.x, y: to.point.y + to.side * HEAD }]),
    label: { x: found.x ?? middle.x, y: found.y ?? middle.y },
    head: arrow(to.point, to.side),
  };
}

/** Where an edge touches a node: on its lower side if it goes on below, else on its upper side, turned towards the bend. */
function port(id: string, bend: Point, layered: Layered): { point: Point; side: 1 | -1 } {
  const { width, height, ...centre } = layered.node(id) as Size & Point;
  const side = bend.y > centre.y ? 1 : -1;
  const reach = width / 2 - 28;
  const turn = Math.max(-reach, Math.min(reach, (bend.x - centre.x) * 0.45));
  return { point: { x: centre.x + turn, y: centre.y + (side * height) / 2 }, side };
}

/** A path through all points that leaves and meets each of them straight up or down. */
export function smooth(points: Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  const parts = [`M${at(first)}`];
  let before = first;
  for (const point of rest) {
    const half = (before.y + point.y) / 2;
    parts.push(`C${at({ x: before.x, y: half })} ${at({ x: point.x, y: half })} ${at(point)}`);
    before = point;
  }
  return parts.join('');
}

function arrow({ x, y }: Point, side: 1 | -1): string {
  const back = y + side * HEAD;
  return `M${at({ x: x - 5, y: back })}L${at({ x: x + 5, y: back })}L${at({ x, y })}Z`;
}

function at({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10},${Math.round(y * 10) / 10}`;
}
