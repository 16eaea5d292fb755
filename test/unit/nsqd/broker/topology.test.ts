import { describe, expect, it } from 'vitest';

import { type ClientPlace, Topology, topologyOf } from '../../../../src/nsqd/broker/topology.js';

const NOWHERE = { zone: '', region: '' };

describe('Topology', () => {
  it.each<[string, ClientPlace | null, string, number]>([
    ['in the zone', { zone: 'z', region: 'r' }, 'zone', 0],
    ['in a zone of that name elsewhere', { zone: 'z', region: 'other' }, 'zone', 0],
    ['in the region', { zone: 'other', region: 'r' }, 'region', 1],
    ['elsewhere', { zone: 'other', region: 'other' }, 'global', 2],
    ['nowhere', NOWHERE, 'global', 2],
    ['silent about it', null, 'global', 2],
  ])('tells a client %s', (_, place, locality, rank) => {
    expect(new Topology('z', 'r').standingOf(place)).toEqual({ locality, rank });
  });

  it.each<[string, ClientPlace | null, string, number]>([
    ['counts two empty zones as equal, but prefers nobody for it', NOWHERE, 'zone', 2],
    ['still prefers the region', { zone: 'x', region: 'r' }, 'region', 1],
    ['knows nothing of a client without IDENTIFY', null, 'global', 2],
  ])('without a zone %s', (_, place, locality, rank) => {
    expect(new Topology('', 'r').standingOf(place)).toEqual({ locality, rank });
  });

  it('exists with the experiment only', () => {
    const names = { topologyZone: 'z', topologyRegion: 'r' };
    expect(topologyOf({ ...names, enableExperiment: ['foo'] })).toBeNull();
    expect(topologyOf({ ...names, enableExperiment: ['foo', 'topology-aware-consumption'] })).not.toBeNull();
  });
});
