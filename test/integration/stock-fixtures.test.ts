// Directories that stock nsqd left, kept in test/fixtures/stock: what was acknowledged there is delivered here, after a clean
// stop in the order and with the attempts that stock nsqd itself has, and the daemon goes on from there.

import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { describe, it } from 'vitest';

import { bodiesOf, drain } from '../support/consume.js';
import { Daemon, isStock, temporaryDirectory } from '../support/daemon.js';
import { fixtureNames, readFixture, unpack } from '../support/stock-fixture.js';
import type { FixtureChannel, StockFixture } from '../support/stock-fixture.js';

class UnpackedFixture implements Disposable {
  readonly fixture: StockFixture;
  readonly #parent = temporaryDirectory();
  readonly path = join(this.#parent, 'data');

  constructor(name: string) {
    this.fixture = readFixture(name);
    unpack(this.fixture.files, this.path);
  }

  [Symbol.dispose](): void {
    rmSync(this.#parent, { recursive: true, force: true });
  }
}

/** Lets everything flow; pauses are looked at before. */
async function unpause(daemon: Daemon, channels: readonly FixtureChannel[]): Promise<void> {
  for (const { topic, channel } of channels) {
    await daemon.post(`/topic/unpause?topic=${topic}`);
    await daemon.post(`/channel/unpause?topic=${topic}&channel=${channel}`);
  }
}

const names = fixtureNames();
const stopped = names.filter((name) => name.startsWith('stopped-'));
const killed = names.filter((name) => name.startsWith('killed-'));

it('there are fixtures of clean stops and of crashes', ({ expect }) => {
  expect(stopped.length).toBeGreaterThanOrEqual(5);
  expect(killed.length).toBeGreaterThanOrEqual(4);
});

describe.concurrent('what stock nsqd left', () => {
  it.for(stopped)('%s is read as stock nsqd reads it: depth, pauses, order, attempts', async (name, { expect }) => {
    using unpacked = new UnpackedFixture(name);
    const { channels, pausedTopics } = unpacked.fixture;
    await using daemon = await Daemon.start({ dataPath: unpacked.path });
    for (const topic of (await daemon.stats()).topics ?? []) {
      expect(topic.paused, topic.topic_name).toBe(pausedTopics.includes(topic.topic_name));
    }
    for (const { topic, channel, isPaused, acknowledged } of channels) {
      const stats = await daemon.topic(topic);
      const own = stats.channels.find((each) => each.channel_name === channel);
      const depth = own === undefined || stats.paused ? stats.depth : own.depth;
      expect([depth, own?.paused ?? false], `${topic}:${channel}`).toEqual([acknowledged.length, isPaused]);
    }
    await unpause(daemon, channels);
    for (const { topic, channel, stock } of channels) {
      const messages = await drain(daemon, topic, channel);
      const delivered = messages.map(({ body, attempts }) => ({ body: body.toString(), attempts }));
      expect(delivered, `${topic}:${channel}`).toEqual(stock);
    }
    expect(((await daemon.stats()).topics ?? []).filter(({ topic_name: each }) => each.includes('ephemeral'))).toEqual([]);
  });

  it.skipIf(isStock).for(killed)('%s is recovered whole, though stock nsqd may lose of it', async (name, { expect }) => {
    using unpacked = new UnpackedFixture(name);
    const { channels } = unpacked.fixture;
    await using daemon = await Daemon.start({ dataPath: unpacked.path });
    await unpause(daemon, channels);
    for (const { topic, channel, acknowledged } of channels) {
      const bodies = bodiesOf(await drain(daemon, topic, channel));
      expect([...new Set(bodies)].toSorted(), `${topic}:${channel}`).toEqual(acknowledged);
    }
  });

  it.skipIf(isStock).for(names)('%s is gone on from: new messages, a crash and a clean stop lose nothing', async (name, { expect }) => {
    using unpacked = new UnpackedFixture(name);
    const { channels } = unpacked.fixture;
    await using daemon = await Daemon.start({ dataPath: unpacked.path });
    await unpause(daemon, channels);
    await daemon.command('/mpub?topic=t', 'new 1\nnew 2');
    await daemon.kill();
    await daemon.restart();
    await daemon.command('/pub?topic=t', 'new 3');
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await daemon.restart();
    for (const { topic, channel, acknowledged } of channels) {
      const added = topic === 't' ? ['new 1', 'new 2', 'new 3'] : [];
      const bodies = bodiesOf(await drain(daemon, topic, channel));
      expect([...new Set(bodies)].toSorted(), `${topic}:${channel}`).toEqual([...acknowledged, ...added].toSorted());
    }
  });
});
