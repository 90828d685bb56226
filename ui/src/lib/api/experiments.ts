import { call } from './client';

export interface Arm {
  name: string;
  /** In per cent. */
  weight: number;
  /** Who were assigned to it and came. */
  customers: number;
  runs: number;
  /** Runs that met the metric of the winner; 0 where the experiment has none. */
  met: number;
}

export interface Experiment {
  step: string;
  id: string;
  metric: string | null;
  minimum: number | null;
  hold_rest: boolean;
  /** Runs that are at the step now. */
  waiting: number;
  arms: Arm[];
  winner: { arm: string; by: 'person' | 'lead' | 'time'; chosen_at: number } | null;
}

/** Of the live version. */
export const experiments = (journey: string, signal?: AbortSignal) =>
  call<{ experiments: Experiment[] }>(['journeys', journey, 'experiments'], { signal });

export const chooseWinner = (journey: string, step: string, arm: string) =>
  call<{ arm: string; seen: boolean }>(['journeys', journey, 'experiments', step, 'winner'], { method: 'PUT', query: { wait: 10 }, body: { arm } });
