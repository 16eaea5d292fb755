// A new topic that waits for the channels it shall begin with (engine.md 5.2): a real broker on real files, and an
// announcer that answers when the test says so.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Logger, LogLevel } from '../../../../src/lib/log/logger.js';
import { SYSTEM_CLOCK } from '../../../../src/lib/time/clock.js';
import type { Announcer } from '../../../../src/nsqd/broker/announcer.js';
import { Broker } from '../../../../src/nsqd/broker/broker.js';
import { DEFAULTS } from '../../../../src/nsqd/options.js';
import { DataDirectory } from '../../../../src/nsqd/storage/data-directory.js';
import { NodeFileSystem } from '../../../../src/nsqd/storage/node-file-system.js';

class FakeAnnouncer implements Announcer {
  readonly events: string[] = [];
  /** By topic: gives the topic its channels. Only topics listed beforehand are held. */
  readonly answer = new Map<string, (names: readonly string[]) => void>();
  readonly held = new Set<string>();

  created(topicName: string, channelName: string | null): void {
    this.events.push(`+${topicName}${channelName === null ? '' : `/${channelName}`}`);
  }

  deleted(topicName: string, channelName: string | null): void {
    this.events.push(`-${topicName}${channelName === null ? '' : `/${channelName}`}`);
  }

  channelsOf(topicName: string): Promise<readonly string[]> | null {
    if (!this.held.has(topicName)) return null;
    return new Promise((resolve) => this.answer.set(topicName, resolve));
  }
}

let path: string;
let broker: Broker;
let announcer: FakeAnnouncer;

function newBroker(): Broker {
  const made = new Broker({
    options: DEFAULTS,
    logger: new Logger({ prefix: '', level: LogLevel.fatal, write: () => undefined }),
    clock: SYSTEM_CLOCK,
    directory: new DataDirectory(path, new NodeFileSystem()),
    version: '1.3.0',
  });
  made.announcer = announcer;
  made.start();
  return made;
}

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'nsqd-hold-'));
  announcer = new FakeAnnouncer();
  announcer.held.add('held');
  broker = newBroker();
});

afterEach(async () => {
  if (!broker.isExiting) await broker.stop();
  rmSync(path, { recursive: true, force: true });
});

async function publish(topicName: string, body: string): Promise<void> {
  const topic = broker.getTopic(topicName);
  topic.publish(Buffer.from(body));
  await topic.committed();
}

async function open(topicName: string, ...names: readonly string[]): Promise<void> {
  announcer.answer.get(topicName)?.(names);
  await broker.findTopic(topicName)?.opened();
}

function depths(topicName: string): Record<string, number> {
  const topic = broker.findTopic(topicName);
  if (topic === undefined) throw new Error(`no topic ${topicName}`);
  const channels = [...topic.channels.values()].map((channel) => [channel.name, channel.depth()] as const);
  return { topic: topic.depth(), ...Object.fromEntries(channels) };
}

describe('a new topic', () => {
  it('acknowledges messages, and gives them to no channel before it knows all of them', async () => {
    await publish('held', 'a');
    broker.getTopic('held').getChannel('eager');
    await publish('held', 'b');
    expect(depths('held')).toEqual({ topic: 2, eager: 0 });
    await open('held', 'early', 'bird');
    expect(depths('held')).toEqual({ topic: 0, eager: 2, early: 2, bird: 2 });
  });

  it('holds up no other topic', async () => {
    await publish('held', 'a');
    broker.getTopic('other').getChannel('c');
    await publish('other', 'b');
    expect(depths('other')).toEqual({ topic: 0, c: 1 });
  });

  it('keeps its messages when no channel is known', async () => {
    await publish('held', 'a');
    await open('held');
    expect(depths('held')).toEqual({ topic: 1 });
    broker.getTopic('held').getChannel('first');
    expect(depths('held')).toEqual({ topic: 0, first: 1 });
  });

  it('stays paused when it was paused meanwhile', async () => {
    await publish('held', 'a');
    broker.getTopic('held').pause();
    await open('held', 'c');
    expect(depths('held')).toEqual({ topic: 1, c: 0 });
    broker.getTopic('held').unpause();
    expect(depths('held')).toEqual({ topic: 0, c: 1 });
  });

  it('is not opened by unpausing', async () => {
    const topic = broker.getTopic('held');
    topic.getChannel('eager');
    topic.pause();
    await publish('held', 'a');
    topic.unpause();
    expect(depths('held')).toEqual({ topic: 1, eager: 0 });
  });

  it('is emptied while it waits', async () => {
    broker.getTopic('held').getChannel('eager');
    await publish('held', 'a');
    broker.getTopic('held').empty();
    await publish('held', 'b');
    await open('held', 'early');
    expect(depths('held')).toEqual({ topic: 0, eager: 1, early: 1 });
  });

  it('deleted while it waits gets no channels, and a new one of its name asks anew', async () => {
    await publish('held', 'a');
    const answerFirst = announcer.answer.get('held');
    broker.deleteTopic('held');
    await publish('held', 'b');
    answerFirst?.(['from-the-first-answer']);
    await open('held', 'c');
    expect(depths('held')).toEqual({ topic: 0, c: 1 });
  });

  it('that waits when the daemon stops keeps its messages, and is not held after the restart', async () => {
    await publish('held', 'a');
    broker.getTopic('held').getChannel('eager');
    await broker.stop();
    broker = newBroker();
    expect(depths('held')).toEqual({ topic: 0, eager: 1 });
    expect(announcer.events.filter((event) => event === '+held')).toHaveLength(1);
  });
});

describe('the announcer', () => {
  it('hears of everything that comes and goes, the channels of a topic before it', () => {
    broker.getTopic('t').getChannel('c');
    broker.getTopic('t').getChannel('d#ephemeral');
    broker.getTopic('t').getChannel('c');
    broker.getTopic('t').deleteChannel('c');
    broker.deleteTopic('t');
    broker.deleteTopic('t');
    expect(announcer.events).toEqual(['+t', '+t/c', '+t/d#ephemeral', '-t/c', '-t/d#ephemeral', '-t']);
  });

  it('hears of an ephemeral topic that ends with its last channel', () => {
    broker.getTopic('t#ephemeral').getChannel('c');
    broker.getTopic('t#ephemeral').deleteChannel('c');
    expect(announcer.events).toEqual(['+t#ephemeral', '+t#ephemeral/c', '-t#ephemeral/c', '-t#ephemeral']);
  });

  it('hears nothing of what is loaded', async () => {
    broker.getTopic('t').getChannel('c');
    await broker.stop();
    announcer.events.length = 0;
    broker = newBroker();
    expect([...broker.topics.keys()]).toEqual(['t']);
    expect(announcer.events).toEqual([]);
  });
});
