/** Names of journeys and segments, and steps of versions, as far as they were asked for; each once, since versions never change. */

import { SvelteMap, SvelteSet } from 'svelte/reactivity';
import type { Definition, Step } from './definition';
import type { Names, Place } from './naming';

interface Named {
  id: string;
  name: string;
}

/** Where names come from. */
export interface Source {
  journeys: () => Promise<Named[]>;
  segments: () => Promise<Named[]>;
  version: (journey: string, version: number) => Promise<Definition>;
}

export class KnownNames implements Names {
  #journeys = new SvelteMap<string, string>();
  #segments = new SvelteMap<string, string>();
  #versions = new SvelteMap<string, Definition>();
  #asked = new SvelteSet<string>();
  #source: Source;
  #first: Promise<unknown> | null = null;
  /** What was asked for first has come, or cannot be had. */
  settled = $state(false);

  constructor(source: Source) {
    this.#source = source;
  }

  journey = (id: string): string => this.#journeys.get(id) ?? id;
  segment = (id: string): string => this.#segments.get(id) ?? id;
  step = ({ journey = '', version = 0 }: Place, id: string): Step | null => this.#versions.get(key(journey, version))?.steps[id] ?? null;

  /** Asks for what is not known of these; what could not be had is asked for again the next time. */
  async know(places: Place[]): Promise<void> {
    const came = Promise.all([this.#list('journeys', this.#journeys), this.#list('segments', this.#segments), ...places.map((place) => this.#version(place))]);
    this.#first ??= came;
    await Promise.all([came, this.#first]);
    this.settled = true;
  }

  async #list(kind: 'journeys' | 'segments', into: SvelteMap<string, string>): Promise<void> {
    const found = await this.#once(kind, () => this.#source[kind]());
    for (const { id, name } of found ?? []) into.set(id, name);
  }

  async #version({ journey = '', version = 0 }: Place): Promise<void> {
    if (journey === '' || version < 1) return;
    const what = key(journey, version);
    const found = await this.#once(what, () => this.#source.version(journey, version));
    if (found !== null) this.#versions.set(what, found);
  }

  /** null: it was asked for before, or is not to be had now. */
  async #once<T>(what: string, ask: () => Promise<T>): Promise<T | null> {
    if (this.#asked.has(what)) return null;
    this.#asked.add(what);
    try {
      return await ask();
    } catch {
      this.#asked.delete(what);
      return null;
    }
  }
}

const key = (journey: string, version: number) => `${journey}@${version}`;
