// The data directory while the daemon runs: nsqd.dat follows, consumed files go, and --mem-queue-size=0 works.

import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { bodiesOf, consume, drain, numbered } from '../support/consume.js';
import { dataFileNumbers, metadataPath, readTopics, standardFiles } from '../support/data-directory.js';
import { isStock, sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const lines = (count: number): string => numbered(count).join('\n');

describe('nsqd.dat', () => {
  const daemon = sharedDaemon();
  const entry = (name: string): unknown => readTopics(daemon().dataPath)?.find((topic) => topic.name === name);

  it('follows what is created and paused', async () => {
    await daemon().command('/topic/create?topic=follows');
    await daemon().command('/channel/create?topic=follows&channel=c');
    const channels = [{ name: 'c', paused: false }];
    await eventually(() => expect(entry('follows')).toEqual({ name: 'follows', paused: false, channels }));
    // A pause is on disk when it is answered.
    await daemon().command('/channel/pause?topic=follows&channel=c');
    const paused = [{ name: 'c', paused: true }];
    expect(entry('follows')).toEqual({ name: 'follows', paused: false, channels: paused });
    await daemon().command('/topic/pause?topic=follows');
    expect(entry('follows')).toEqual({ name: 'follows', paused: true, channels: paused });
    expect(standardFiles(daemon().dataPath).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  // Stock nsqd writes it in the background.
  it.skipIf(isStock)('lists a topic and a channel before their creation is answered', async () => {
    using client = await daemon().connect();
    await client.publish('published', 'x');
    expect(entry('published')).toEqual({ name: 'published', paused: false, channels: null });
    await client.subscribe('subscribed', 'c');
    expect(entry('subscribed')).toEqual({
      name: 'subscribed',
      paused: false,
      channels: [{ name: 'c', paused: false }],
    });
    await daemon().command('/topic/create?topic=created');
    expect(entry('created')).toEqual({ name: 'created', paused: false, channels: null });
  });

  it.skipIf(isStock)('forgets a topic and a channel before their deletion is answered', async () => {
    await daemon().command('/topic/create?topic=deleted');
    for (const channel of ['c', 'd']) await daemon().command(`/channel/create?topic=deleted&channel=${channel}`);
    await daemon().command('/channel/delete?topic=deleted&channel=c');
    expect(entry('deleted')).toEqual({ name: 'deleted', paused: false, channels: [{ name: 'd', paused: false }] });
    await daemon().command('/topic/delete?topic=deleted');
    expect(entry('deleted')).toBeUndefined();
  });
});

describe('without memory, with small files', () => {
  const daemon = sharedDaemon({
    flags: ['--mem-queue-size=0', '--max-bytes-per-file=1000', '--sync-timeout=100ms'],
  });

  it('order is kept and everything counts as backend', async () => {
    await daemon().command('/mpub?topic=order', lines(100));
    expect(await daemon().topic('order')).toMatchObject({ depth: 100, backend_depth: 100 });
    using client = await daemon().subscriber('order', 'c', 10);
    expect(bodiesOf(await consume(client, 100))).toEqual(numbered(100));
    await client.expectQuiet();
    expect(await daemon().channel('order', 'c')).toMatchObject({ depth: 0, backend_depth: 0, in_flight_count: 0 });
  });

  it('messages are requeued and time out', async () => {
    await daemon().command('/pub?topic=again', 'x');
    using client = await daemon().subscriber('again', 'c', 1, { msg_timeout: 2_500 });
    const first = await client.nextMessage();
    const { id, timestampNs } = first;
    client.requeue(first, 0);
    expect(await client.nextMessage()).toMatchObject({ id, timestampNs, attempts: 2 });
    expect(await client.nextMessage()).toMatchObject({ id, timestampNs, attempts: 3 });
  });

  it('consumed files are deleted', async () => {
    await daemon().command('/topic/create?topic=consumed');
    await daemon().command('/channel/create?topic=consumed&channel=c');
    for (let round = 0; round < 3; round += 1) {
      await daemon().command('/mpub?topic=consumed', lines(100));
      expect(bodiesOf(await drain(daemon(), 'consumed', 'c')).toSorted()).toEqual(numbered(100).toSorted());
    }
    await eventually(() => {
      const counts = ['consumed', 'consumed:c'].map((queue) => dataFileNumbers(daemon().dataPath, queue).length);
      for (const count of counts) expect(count).toBeLessThanOrEqual(2);
    });
    // Stock nsqd takes a file that was read to its end while it was written for a damaged one.
    if (!isStock) expect(standardFiles(daemon().dataPath).filter((name) => name.endsWith('.bad'))).toEqual([]);
  });

  it('a finished channel does not delete what another one still needs', async () => {
    await daemon().command('/topic/create?topic=slow');
    for (const channel of ['fast', 'slow']) await daemon().command(`/channel/create?topic=slow&channel=${channel}`);
    await daemon().command('/mpub?topic=slow', lines(300));
    expect(bodiesOf(await drain(daemon(), 'slow', 'fast')).toSorted()).toEqual(numbered(300).toSorted());
    expect(bodiesOf(await drain(daemon(), 'slow', 'slow')).toSorted()).toEqual(numbered(300).toSorted());
  });

  it('metadata of a queue that holds messages exists, at the latest after the sync timeout', async () => {
    await daemon().command('/pub?topic=synced', 'x');
    await eventually(() => expect(existsSync(metadataPath(daemon().dataPath, 'synced'))).toBe(true));
  });

  it('the files of deleted topics and channels go', async () => {
    for (const topic of ['gone', 'kept']) {
      await daemon().command(`/topic/create?topic=${topic}`);
      for (const channel of ['c', 'd']) await daemon().command(`/channel/create?topic=${topic}&channel=${channel}`);
      await daemon().command(`/mpub?topic=${topic}`, lines(20));
    }
    await eventually(async () => expect((await daemon().channel('kept', 'd')).depth).toBe(20));
    await daemon().command('/topic/delete?topic=gone');
    await daemon().command('/channel/delete?topic=kept&channel=c');
    await eventually(() => {
      const files = standardFiles(daemon().dataPath);
      expect(files.filter((name) => /^gone[.:]/.test(name))).toEqual([]);
      expect(files.filter((name) => name.startsWith('kept:c.'))).toEqual([]);
    });
  });
});
