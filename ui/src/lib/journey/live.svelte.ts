/** What the nodes of a drawing share: they are laid out once, their numbers change under them. */

import type { Stats } from '../api/journeys';
import type { Definition } from './definition';

export class LiveNumbers {
  stats = $state.raw<Stats | null>(null);
  /** What is shown is the live version. */
  current = $state(false);
  definition = $state.raw<Definition | null>(null);
  /** Id of the chosen node. */
  chosen = $state<string | null>(null);
}
