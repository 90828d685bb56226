/** What a new journey can begin with: the examples that come along, as they are. */

import cart from '../../../../local-env/journeys/abandoned-cart.yaml?raw';
import welcome from '../../../../local-env/journeys/welcome-series.yaml?raw';
import back from '../../../../local-env/journeys/win-back.yaml?raw';

export interface Starter {
  name: string;
  text: string;
}

const SHORT = `id: my-journey
name: My journey
entry:
  - event: {name: signed_up}
start: hello
steps:
  hello: {message: {channel: email, template: hello}, next: done}
  done: {exit: {outcome: greeted}}
`;

export const SHORTEST: Starter = { name: 'Short', text: SHORT };
export const STARTERS: Starter[] = [SHORTEST, { name: 'Welcome', text: welcome }, { name: 'Abandoned cart', text: cart }, { name: 'Win-back', text: back }];
