// What is granted, and the way of an upgrade; what goes over the layers is tested with real sockets (test/integration).

import { PassThrough } from 'node:stream';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';

import { DEFAULTS } from '../../../../src/nsqd/options.js';
import { BufferPool } from '../../../../src/nsqd/tcp/buffer-pool.js';
import { Layers } from '../../../../src/nsqd/tcp/layers.js';
import type { Grants, LayersOwner } from '../../../../src/nsqd/tcp/layers.js';
import { SocketTransport } from '../../../../src/nsqd/tcp/socket-transport.js';
import type { HandshakeOutcome, TlsAcceptor } from '../../../../src/nsqd/tcp/tls-acceptor.js';

const NOTHING: Grants = { tls: false, deflate: false, snappy: false, deflateLevel: 6 };

/** A connection that writes down what comes of its upgrade, on a socket that leads nowhere. */
function scene(): { layers: Layers; owner: LayersOwner; heard: string[]; finishHandshake: (outcome: HandshakeOutcome) => void } {
  const heard: string[] = [];
  const owner: LayersOwner = {
    received() {}, drained() {}, ended() {}, failed() {}, closed() {},
    upgraded: () => heard.push('upgraded'),
    upgradeFailed: (reason) => heard.push(reason),
  };
  const plain = new SocketTransport(new PassThrough() as unknown as Socket, owner, null);
  let onOutcome: ((outcome: HandshakeOutcome) => void) | null = null;
  const acceptor = { accept: (_socket: Socket, then: typeof onOutcome) => void (onOutcome = then) };
  const layers = new Layers(plain, DEFAULTS, new BufferPool(), acceptor as unknown as TlsAcceptor);
  return { layers, owner, heard, finishHandshake: (outcome) => onOutcome!(outcome) };
}

describe('what is granted', () => {
  it.each([
    [{ tls: true }, { tls: true }],
    [{ snappy: true }, { snappy: true }],
    [{ deflate: true, deflateLevel: 3 }, { deflate: true, deflateLevel: 3 }],
    [{ deflate: true, deflateLevel: 9 }, { deflate: true, deflateLevel: DEFAULTS.maxDeflateLevel }],
    [{ deflateLevel: 3 }, { deflateLevel: 6 }],
  ])('of %o is %o', (wants, granted) => {
    expect(scene().layers.grant({ ...NOTHING, deflateLevel: 0, ...wants })).toEqual({ ...NOTHING, ...granted });
  });

  it('is nothing once there is a compression', () => {
    const { layers, owner } = scene();
    layers.prepare({ ...NOTHING, snappy: true });
    layers.begin(owner);
    expect(layers.grant({ tls: true, deflate: true, snappy: true, deflateLevel: 0 })).toEqual(NOTHING);
  });
});

describe('an upgrade', () => {
  it('is awaited, under way, and over', () => {
    const { layers, owner, heard } = scene();
    const states: string[] = [layers.upgrade];
    layers.prepare({ ...NOTHING, snappy: true });
    states.push(layers.upgrade);
    layers.begin(owner);
    states.push(layers.upgrade);
    expect([states, heard, layers.describe().isSnappy]).toEqual([['none', 'awaited', 'none'], ['upgraded'], true]);
  });

  it('tells of a handshake that failed', () => {
    const { layers, owner, heard, finishHandshake } = scene();
    layers.prepare({ ...NOTHING, tls: true });
    layers.begin(owner);
    expect([layers.upgrade, layers.isTlsGranted]).toEqual(['underWay', true]);
    finishHandshake({ kind: 'failed', reason: 'EOF', isAnswerable: true });
    expect([heard, layers.describe().isTls]).toEqual([['EOF'], false]);
  });

  it('that was given up says no more, and closes what comes of it', () => {
    for (const kind of ['failed', 'secure'] as const) {
      const { layers, owner, heard, finishHandshake } = scene();
      const socket = new PassThrough() as unknown as TLSSocket;
      layers.prepare({ ...NOTHING, tls: true });
      layers.begin(owner);
      layers.abandon();
      finishHandshake(kind === 'secure' ? { kind, socket } : { kind, reason: 'late', isAnswerable: true });
      expect([heard, layers.upgrade, socket.destroyed]).toEqual([[], 'none', kind === 'secure']);
    }
  });
});
