/** What nodes and edges of the drawing carry. */

import type { GraphEdge, GraphNode } from '../../journey/graph';
import type { Drawn } from '../../journey/layout';
import type { LiveNumbers } from '../../journey/live.svelte';

export interface NodeData extends Record<string, unknown> {
  node: GraphNode;
  live: LiveNumbers;
}

export interface EdgeData extends Record<string, unknown> {
  edge: GraphEdge;
  drawn: Drawn;
  live: LiveNumbers;
}
