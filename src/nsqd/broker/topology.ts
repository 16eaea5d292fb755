// Topology-aware consumption (engine.md 20): which consumers are near the daemon. Exists only while the experiment is
// on.
//
// DEVIATION(topology-preference): every message goes to a ready consumer of the daemon's zone, else of its region, else
// to anyone. Stock nsqd prefers the near ones only for messages that find one waiting, and lets all compete for what is
// queued.

import { TOPOLOGY_EXPERIMENT } from '../option-table.js';
import type { Options } from '../options.js';

/** What a client said in IDENTIFY. */
export interface ClientPlace {
  readonly zone: string;
  readonly region: string;
}

export type Locality = 'zone' | 'region' | 'global';

/** A consumer as a channel with topology sees it. */
export interface Standing {
  /** Which counter its deliveries raise. */
  readonly locality: Locality;
  /** 0 is served before 1, 1 before 2. */
  readonly rank: number;
}

export const RANKS: readonly number[] = [0, 1, 2];

export class Topology {
  readonly #zone: string;
  readonly #region: string;

  constructor(zone: string, region: string) {
    this.#zone = zone;
    this.#region = region;
  }

  /** A client that sent no IDENTIFY is nowhere. */
  standingOf(place: ClientPlace | null): Standing {
    return { locality: this.#localityOf(place), rank: this.#rankOf(place) };
  }

  /** Two empty names are equal, as in stock nsqd. */
  #localityOf(place: ClientPlace | null): Locality {
    if (place === null) return 'global';
    if (place.zone === this.#zone) return 'zone';
    return place.region === this.#region ? 'region' : 'global';
  }

  /** A daemon without a zone prefers nobody for having none. */
  #rankOf(place: ClientPlace | null): number {
    if (this.#zone !== '' && place?.zone === this.#zone) return 0;
    return this.#region !== '' && place?.region === this.#region ? 1 : 2;
  }
}

/** Null while the experiment is off. */
export function topologyOf(
  options: Pick<Options, 'enableExperiment' | 'topologyRegion' | 'topologyZone'>,
): Topology | null {
  const { enableExperiment, topologyZone, topologyRegion } = options;
  return enableExperiment.includes(TOPOLOGY_EXPERIMENT) ? new Topology(topologyZone, topologyRegion) : null;
}
