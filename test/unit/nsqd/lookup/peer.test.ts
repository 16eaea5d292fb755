// One peer against an nsqlookupd over real sockets, friendly and hostile.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { identifyCommand } from '../../../../src/nsqd/lookup/identity.js';
import { LookupPeer, PeerState } from '../../../../src/nsqd/lookup/peer.js';
import { eventually } from '../../../support/eventually.js';
import { type Answer, FakeLookupd, int32, sized } from '../../../support/fake-lookupd.js';
import { LogInMemory, SkippingClock } from './fixtures.js';

const ANSWER_BYTES_MAX = 1000;
const PING_INTERVAL_MS = 15_000;
/** For connecting, and for an answer. */
const PATIENCE_MS = 1_000;
const IDENTIFY = identifyCommand({
  broadcastAddress: 'b', broadcastHttpPort: 4151, broadcastTcpPort: 4150, topologyRegion: 'r', topologyZone: 'z',
});

let lookupd: FakeLookupd;
let clock: SkippingClock;
let log: LogInMemory;
let existing: string[];
let peers: LookupPeer[];

beforeEach(async () => {
  lookupd = await FakeLookupd.start();
  clock = new SkippingClock();
  log = new LogInMemory();
  existing = [];
  peers = [];
});

afterEach(async () => {
  for (const peer of peers) peer.close();
  clock.alarms.stop();
  await lookupd.down();
});

function openPeer(address = lookupd.address): LookupPeer {
  const peer = new LookupPeer(address, {
    logger: log.logger, clock,
    alarmClock: clock.alarms,
    random: () => 0,
    answerBytesMax: ANSWER_BYTES_MAX,
    identify: IDENTIFY,
    registrations: () => existing,
  });
  peers.push(peer);
  peer.open();
  return peer;
}

async function registeredPeer(): Promise<LookupPeer> {
  const peer = openPeer();
  await eventually(() => expect(peer.state).toBe(PeerState.registered));
  return peer;
}

/** Puts the clock forward to the next attempt to connect; returns by how many milliseconds. */
function skipUntilRetry(peer: LookupPeer): number {
  let skippedMs = 0;
  for (; peer.state === PeerState.waiting; skippedMs += 50) clock.skip(50);
  return skippedMs;
}

/** The same once it is waiting for that. */
async function retried(peer: LookupPeer): Promise<void> {
  await eventually(() => expect(peer.state).toBe(PeerState.waiting));
  skipUntilRetry(peer);
}

function lines(): string[] {
  return lookupd.lines;
}

describe('a connection', () => {
  it('begins with the magic, IDENTIFY and everything there is', async () => {
    existing = ['a one', 'a two#ephemeral', 'lonely'];
    const peer = openPeer();
    const expected = ['magic', 'IDENTIFY', 'REGISTER a one', 'REGISTER a two#ephemeral', 'REGISTER lonely'];
    await eventually(() => expect(lines()).toEqual(expected));
    expect(lookupd.identities).toEqual([expect.objectContaining({ broadcast_address: 'b', topology_zone: 'z' })]);
    const { httpPort, tcpPort } = lookupd;
    expect(peer.info).toEqual({ broadcastAddress: '127.0.0.1', httpPort, tcpPort, version: '1.3.0' });
    expect(log.lines[0]).toBe(`INFO: LOOKUP connecting to ${lookupd.address}`);
  });

  it('has one request at a time', async () => {
    const held: (() => void)[] = [];
    lookupd.answer = (line, socket) => {
      if (line === 'IDENTIFY') return lookupd.usualAnswer(line);
      held.push(() => socket.write(sized('OK')));
      return null;
    };
    const peer = await registeredPeer();
    for (const name of ['a', 'b']) peer.created(name);
    await eventually(() => expect(held).toHaveLength(1));
    held[0]?.();
    await eventually(() => expect(lines()).toEqual(['magic', 'IDENTIFY', 'REGISTER a', 'REGISTER b']));
  });

  it('tells what comes and goes', async () => {
    const peer = await registeredPeer();
    peer.created('t');
    peer.created('t c');
    await eventually(() => expect(lines()).toContain('REGISTER t c'));
    peer.deleted('t c');
    peer.deleted('t');
    await eventually(() => expect(lines().slice(-2)).toEqual(['UNREGISTER t c', 'UNREGISTER t']));
    expect(log.lines).toContain(`INFO: LOOKUPD(${lookupd.address}): channel REGISTER t c`);
  });

  it('pings after 15 seconds, before what else is waiting', async () => {
    const peer = await registeredPeer();
    clock.skip(PING_INTERVAL_MS - 500);
    let answerFirst = (): void => undefined;
    lookupd.answer = (line, socket) => {
      if (line !== 'REGISTER a') return lookupd.usualAnswer(line);
      answerFirst = () => socket.write(sized('OK'));
      return null;
    };
    peer.created('a');
    peer.created('b');
    await eventually(() => expect(lines()).toContain('REGISTER a'));
    expect(lines()).not.toContain('PING');
    clock.skip(600);
    answerFirst();
    await eventually(() => expect(lines().slice(2)).toEqual(['REGISTER a', 'PING', 'REGISTER b']));
  });

  it('survives an error as answer, and reports it', async () => {
    lookupd.answer = (line) => (line === 'IDENTIFY' ? lookupd.usualAnswer(line) : sized('E_BAD_TOPIC REGISTER'));
    const peer = await registeredPeer();
    peer.created('t');
    const logged = `ERROR: LOOKUPD(${lookupd.address}): REGISTER t - E_BAD_TOPIC REGISTER`;
    await eventually(() => expect(log.lines).toContain(logged));
    expect(peer.state).toBe(PeerState.registered);
  });

  it('without an address of the peer is of use, but for questions', async () => {
    lookupd.answer = (line) => (line === 'IDENTIFY' ? sized('{}') : lookupd.usualAnswer(line));
    const peer = await registeredPeer();
    expect(peer.info?.broadcastAddress).toBe('');
    expect(log.count('no broadcast address')).toBe(1);
  });
});

describe('a lost connection', () => {
  it('is noticed at once, and everything is announced anew', async () => {
    existing = ['t c'];
    const peer = await registeredPeer();
    await eventually(() => expect(lines()).toHaveLength(3));
    lookupd.drop();
    await retried(peer);
    const announced = ['magic', 'IDENTIFY', 'REGISTER t c'];
    await eventually(() => expect(lines()).toEqual([...announced, ...announced]));
    expect(peer.state).toBe(PeerState.registered);
  });

  it('forgets what had not been told, because that is announced as well', async () => {
    lookupd.answer = (line) => (line === 'REGISTER a' ? null : lookupd.usualAnswer(line));
    const peer = await registeredPeer();
    peer.created('a');
    peer.created('gone');
    await eventually(() => expect(lines()).toContain('REGISTER a'));
    existing = ['a'];
    lookupd.answer = (line) => lookupd.usualAnswer(line);
    lookupd.drop();
    await retried(peer);
    await eventually(() => expect(lines().slice(-3)).toEqual(['magic', 'IDENTIFY', 'REGISTER a']));
    expect(lines()).not.toContain('REGISTER gone');
  });

  it('is tried again in growing intervals, up to 15 seconds', async () => {
    await lookupd.down();
    const peer = openPeer();
    const waitsMs: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      await eventually(() => expect(log.count('connection refused')).toBe(attempt));
      waitsMs.push(skipUntilRetry(peer));
    }
    expect(waitsMs).toEqual([...waitsMs].sort((a, b) => a - b));
    expect(waitsMs.at(-1)).toBeGreaterThan(7_000);
    expect(waitsMs.at(-1)).toBeLessThanOrEqual(7_500);
    expect(log.lines[1]).toBe(`ERROR: LOOKUPD(${lookupd.address}): dial tcp ${lookupd.address}: connection refused`);
  });

  it('is tried earlier when there is news', async () => {
    await lookupd.down();
    const peer = openPeer();
    for (let attempt = 1; attempt <= 6; attempt += 1) {
      await eventually(() => expect(log.count('connection refused')).toBe(attempt));
      while (attempt < 6 && peer.state === PeerState.waiting) clock.skip(50);
    }
    await lookupd.up();
    existing = ['t'];
    peer.created('t');
    expect(skipUntilRetry(peer)).toBeLessThanOrEqual(250);
    await eventually(() => expect(lines()).toEqual(['magic', 'IDENTIFY', 'REGISTER t']));
  });

  it('that never lasts long is tried in growing intervals, too', async () => {
    existing = ['a', 'b'];
    lookupd.answer = (line, socket) => {
      if (line === 'REGISTER b') socket.destroy();
      return lookupd.usualAnswer(line);
    };
    const peer = openPeer();
    const waitsMs: number[] = [];
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      await eventually(() => expect(log.count('ERROR')).toBe(attempt));
      waitsMs.push(skipUntilRetry(peer));
    }
    expect(waitsMs.at(-1)).toBeGreaterThan(1_500);
  });

  it('that has lasted is back quickly', async () => {
    await lookupd.down();
    const peer = openPeer();
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      await eventually(() => expect(log.count('ERROR')).toBe(attempt));
      if (attempt === 5) await lookupd.up();
      skipUntilRetry(peer);
    }
    await eventually(() => expect(peer.state).toBe(PeerState.registered));
    clock.skip(PING_INTERVAL_MS);
    peer.created('after-the-ping');
    await eventually(() => expect(lines()).toContain('REGISTER after-the-ping'));
    lookupd.drop();
    await eventually(() => expect(peer.state).toBe(PeerState.waiting));
    expect(skipUntilRetry(peer)).toBeLessThanOrEqual(150);
  });
});

describe('a hostile nsqlookupd', () => {
  const endless: Answer = (_, socket) => {
    const fill = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(65_536, 1)));
    };
    socket.on('drain', fill);
    fill();
    return null;
  };

  it.each<[string, Answer, string]>([
    ['answers a negative length', () => int32(-1), 'response body size (-1) is negative'],
    ['answers a huge length', () => int32(2 ** 31 - 1), 'response body size (2147483647) is greater than limit (1000)'],
    ['answers text that is no JSON', () => sized('E_INVALID'), 'parsing response - E_INVALID'],
    ['answers JSON of the wrong kind', () => sized('[1]'), 'parsing response - [1]'],
    ['answers twice', () => Buffer.concat([sized('{}'), sized('{}')]), 'IDENTIFY: more bytes than the response has'],
    ['never ends its answer', endless, 'is greater than limit'],
    ['ends in the middle of its answer', (_, socket) => {
      socket.end(sized('{}').subarray(0, 5));
      return null;
    }, 'IDENTIFY: closed by the peer'],
    ['resets the connection', (_, socket) => {
      socket.resetAndDestroy();
      return null;
    }, 'IDENTIFY: connection reset by peer'],
    ['does not answer', () => null, 'IDENTIFY: i/o timeout'],
    ['begins an answer and stops', () => sized('{}').subarray(0, 5), 'IDENTIFY: i/o timeout'],
  ])('that %s is left, and tried again', async (_, answer, reason) => {
    lookupd.answer = answer;
    const peer = openPeer();
    await eventually(() => expect(lines()).toContain('IDENTIFY'));
    if (reason.endsWith('i/o timeout')) clock.skip(PATIENCE_MS);
    await eventually(() => expect(log.lines.at(-1)).toMatch(/^ERROR/));
    expect(log.lines.at(-1)).toContain(reason);
    lookupd.answer = (line) => lookupd.usualAnswer(line);
    await retried(peer);
    await eventually(() => expect(peer.state).toBe(PeerState.registered));
  });

  it('that drips its answer is left after a second in all', async () => {
    let drips = 0;
    lookupd.answer = (_, socket) => {
      const drip = setInterval(() => socket.write(Buffer.of(0), () => (drips += 1)), 5);
      socket.on('close', () => clearInterval(drip));
      return int32(500);
    };
    openPeer();
    for (let part = 1; part <= 4; part += 1) {
      const before = drips;
      await eventually(() => expect(drips).toBeGreaterThan(before + 2));
      expect(log.count('i/o timeout')).toBe(0);
      clock.skip(PATIENCE_MS / 4);
    }
    expect(log.count('i/o timeout')).toBe(1);
  });

  it('that speaks without being asked is left', async () => {
    const peer = await registeredPeer();
    lookupd.answer = (line, socket) => {
      setTimeout(() => socket.write('surprise'), 20);
      return lookupd.usualAnswer(line);
    };
    peer.created('t');
    await eventually(() => expect(log.count('bytes that nobody asked for')).toBe(1));
  });

  it('that takes no connection is left after a second', () => {
    openPeer();
    clock.skip(1_000);
    expect(log.lines.at(-1)).toBe(`ERROR: LOOKUPD(${lookupd.address}): dial tcp ${lookupd.address}: i/o timeout`);
  });
});

describe('an address', () => {
  it.each([
    ['', 'dial tcp: missing address'],
    ['b:1,c:1', 'dial tcp: address b:1,c:1: too many colons in address'],
    ['127.0.0.1:99999', 'dial tcp: address 99999: invalid port'],
  ])('"%s" is reported, tried again, and harms nobody', async (address, reason) => {
    const peer = openPeer(address);
    expect(log.lines.at(-1)).toBe(`ERROR: LOOKUPD(${address}): ${reason}`);
    clock.skip(1_000);
    expect(log.count(reason)).toBe(2);
    peer.close();
  });
});

describe('close', () => {
  it('ends the connection and everything that would begin a new one', async () => {
    const peer = await registeredPeer();
    peer.close();
    await eventually(() => expect(lookupd.openCount).toBe(0));
    peer.created('t');
    clock.skip(60_000);
    expect(peer.state).toBe(PeerState.closed);
    expect(lookupd.connectionCount).toBe(1);
    expect(lines()).toEqual(['magic', 'IDENTIFY']);
  });

  it('while connecting leaves nothing behind', async () => {
    const peer = openPeer();
    peer.close();
    clock.skip(60_000);
    await eventually(() => expect(lookupd.openCount).toBe(0));
    expect(log.count('ERROR')).toBe(0);
  });
});
