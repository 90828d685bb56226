import { expect, test } from 'vitest';

import type { Definition } from './definition';
import { graphOf } from './graph';
import { firstView, layout, resized, sizeOf, smooth } from './layout';

const LOOP: Definition = {
  id: 'loop',
  entry: [{ event: { name: 'visit' } }],
  exit: [{ event: { name: 'left' }, outcome: 'left' }],
  start: 'look',
  steps: {
    look: { wait: { branches: [{ event: { name: 'buy' }, next: 'done' }], timeout: { after: 'P1D', next: 'again' } } },
    again: { message: { channel: 'email', template: 'again' }, next: 'look' },
    done: { exit: { outcome: 'bought' } },
  },
};

test('no two nodes overlap and all lie within the drawing', () => {
  const graph = graphOf(LOOP);
  const placed = layout(graph);
  const boxes = graph.nodes.map((node) => ({ ...(placed.nodes.get(node.id) ?? { x: NaN, y: NaN }), ...sizeOf(node) }));
  for (const [index, a] of boxes.entries()) {
    expect(a.x).toBeGreaterThanOrEqual(0);
    expect(a.x + a.width).toBeLessThanOrEqual(placed.width);
    for (const b of boxes.slice(index + 1)) {
      const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
      expect(apart).toBe(true);
    }
  }
});

test('a step stands below the one that leads to it, entries stand on top', () => {
  const { nodes } = layout(graphOf(LOOP));
  const y = (id: string) => nodes.get(id)?.y ?? NaN;
  expect(y('entry:0')).toBeLessThan(y('step:look'));
  expect(y('step:look')).toBeLessThan(y('step:done'));
  expect(y('step:look')).toBeLessThan(y('step:again'));
});

test('every edge is drawn, the one that leads back too', () => {
  const graph = graphOf(LOOP);
  const { edges } = layout(graph);
  expect([...edges.keys()]).toEqual(graph.edges.map((edge) => edge.id));
  for (const edge of edges.values()) expect(edge.path + edge.head).not.toMatch(/NaN|undefined/);
});

test('two branches to the same step are two edges', () => {
  const both: Definition = {
    ...LOOP, exit: [], start: 'offer',
    steps: { offer: { experiment: { arms: { a: 50, b: 50 } }, next: 'done' }, done: { exit: { outcome: 'x' } } },
  };
  const { edges } = layout(graphOf(both));
  expect(edges.get('step:offer>a')?.label.x).not.toBe(edges.get('step:offer>b')?.label.x);
});

test('the same definition always gives the same drawing', () => {
  expect(layout(graphOf(LOOP))).toEqual(layout(graphOf(LOOP)));
});

test('a path of nothing is empty', () => {
  expect(smooth([])).toBe('');
});

test('the first view shows all of a small drawing in the middle, and the readable top of a large one', () => {
  expect(firstView({ width: 400, height: 300, begin: 200 }, { width: 800, height: 500 })).toEqual({ x: 200, y: 100, zoom: 1 });
  expect(firstView({ width: 1000, height: 4000, begin: 500 }, { width: 800, height: 600 })).toEqual({ x: 0, y: 0, zoom: 0.8 });
  expect(firstView({ width: 500, height: 4000, begin: 250 }, { width: 800, height: 600 }).zoom).toBe(0.85);
  expect(firstView({ width: 900, height: 900, begin: 450 }, { width: 360, height: 560 }).zoom).toBe(0.65);
});

test('where a drawing is wider than the pane, its entries are in the first view', () => {
  const pane = { width: 360, height: 560 };
  const begin = 400;
  for (const [width, seen] of [[1000, 180], [900, 180], [560, 256]] as const) {
    const { x, zoom } = firstView({ width, height: 900, begin }, pane);
    expect(x + begin * zoom).toBeCloseTo(seen);
  }
  expect(firstView({ width: 1000, height: 900, begin: 20 }, pane).x).toBe(0);
  expect(firstView({ width: 1000, height: 900, begin: 990 }, pane).x).toBeCloseTo(360 - 650);
  expect(layout(graphOf(LOOP)).begin).toBeGreaterThan(0);
});

test('after a resize what fitted fits again, and what somebody moved to stays in the middle', () => {
  const [drawing, wide, small] = [{ width: 600, height: 800, begin: 300 }, { width: 1000, height: 700 }, { width: 360, height: 500 }];
  expect(resized(firstView(drawing, wide), drawing, wide, small)).toEqual(firstView(drawing, small));
  const moved = { x: -200, y: -50, zoom: 1.5 };
  const middle = (view: typeof moved, pane: typeof wide) => [(pane.width / 2 - view.x) / view.zoom, (pane.height / 2 - view.y) / view.zoom];
  const after = resized(moved, drawing, wide, small);
  expect(after.zoom).toBe(1.5);
  expect(middle(after, small)).toEqual(middle(moved, wide));
});

test('a drawing that was all in view is so after a resize', () => {
  const [drawing, wide, small] = [{ width: 600, height: 2000, begin: 300 }, { width: 1000, height: 700 }, { width: 360, height: 500 }];
  for (const [before, now] of [[wide, small], [small, wide]] as const) {
    const zoom = 0.9 * Math.min(before.width / drawing.width, before.height / drawing.height);
    const { x, y, zoom: after } = resized({ x: (before.width - drawing.width * zoom) / 2, y: 5, zoom }, drawing, before, now);
    expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
    expect(x * 2 + drawing.width * after).toBeCloseTo(now.width);
    expect(y * 2 + drawing.height * after).toBeCloseTo(now.height);
  }
});

test('steps without numbers are lower', () => {
  const graph = graphOf(LOOP);
  expect(layout(graph, false).height).toBeLessThan(layout(graph).height);
});
