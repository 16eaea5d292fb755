// What holds for every compressed connection, with and without TLS below: tests of snappy and of deflate share it.

import { beforeAll, describe, expect, it } from 'vitest';

import { command, joined, mpubBody, sized } from './bytes.js';
import { type Client, type Layers } from './client.js';
import { consume, numbered } from './consume.js';
import { type Daemon } from './daemon.js';
import { eventually } from './eventually.js';
import { Prng, seedOfRun } from './prng.js';

type Compression = 'snappy' | 'deflate';

let topicCount = 0;

export function describeCompression(kind: Compression, daemon: () => Daemon): void {
  describe.each<readonly [string, Layers]>([
    [kind, { compression: kind }],
    [`TLS and ${kind}`, { compression: kind, tls: {} }],
  ])('%s', (_, layers) => {
    let topic = '';
    beforeAll(() => {
      topic = `${kind}-${(topicCount += 1)}`;
    });

    async function upgraded(settings = {}): Promise<Client> {
      const client = await daemon().connect();
      const answer = await client.upgrade(layers, settings);
      expect(answer).toMatchObject({ [kind]: true, tls_v1: layers.tls !== undefined });
      return client;
    }

    it('publishes and consumes', async () => {
      using client = await upgraded();
      await client.publish(topic, 'one');
      client.write(joined(`MPUB ${topic}\n`, mpubBody(['two', 'three'])));
      await client.expectOk();
      await client.subscribe(topic, 'c', 10);
      const bodies = (await consume(client, 3)).map(({ body }) => body.toString());
      expect(bodies.sort()).toEqual(['one', 'three', 'two']);
      await eventually(async () => expect((await daemon().channel(topic, 'c')).in_flight_count).toBe(0));
    });

    it('is shown in the statistics', async () => {
      using client = await upgraded();
      await client.subscribe(topic, 'stats');
      const shown = (await daemon().channel(topic, 'stats')).clients?.[0];
      expect(shown).toMatchObject({ snappy: false, deflate: false, tls: layers.tls !== undefined, [kind]: true });
    });

    it('gets its errors compressed, then the end', async () => {
      using client = await upgraded();
      client.command('NOPE');
      expect(await client.nextError()).toBe('E_INVALID invalid command NOPE');
      await client.closed();
    });

    it('takes a stream cut at any byte, and commands cut into writes', async () => {
      using client = await upgraded();
      await client.writeByteByByte(command(`PUB ${topic}-cut`, 'hello'));
      await client.expectOk();
      for (const part of ['PUB', ' ', `${topic}-cut`, '\n', sized('again')]) client.write(part);
      await client.expectOk();
    });

    it('gives back random bodies of all sizes', async () => {
      const prng = new Prng(seedOfRun());
      using client = await upgraded();
      const sizes = [1, 100, 65_535, 65_536, 65_537, 300_000, 1_000_000];
      const bodies = sizes.map((size, index) => (index % 2 === 0 ? prng.bytes(size) : Buffer.alloc(size, prng.bytes(50))));
      for (const body of bodies) await client.publish(`${topic}-sizes`, body);
      await client.subscribe(`${topic}-sizes`, 'c', bodies.length);
      const received = await consume(client, bodies.length);
      received.sort((a, b) => a.body.length - b.body.length);
      received.forEach(({ body }, index) => expect(body.equals(bodies[index]!), `seed ${prng.seed}`).toBe(true));
    });

    it('sends the last message of a burst at once, and a lone one', async () => {
      using consumer = await upgraded({ output_buffer_timeout: -1 });
      await consumer.subscribe(`${topic}-burst`, 'c', 1);
      using publisher = await daemon().connect();
      for (let round = 0; round < 5; round += 1) {
        for (const body of numbered(round + 1)) publisher.command(`PUB ${topic}-burst`, body);
        expect(await consume(consumer, round + 1)).toHaveLength(round + 1);
      }
    });

    it('carries many messages while both sides are busy', async () => {
      using publisher = await upgraded();
      using consumer = await upgraded();
      await consumer.subscribe(`${topic}-busy`, 'c', 500);
      const bodies = numbered(1000).map((body) => Buffer.alloc(500, body));
      for (let batch = 0; batch < 20; batch += 1) {
        publisher.write(joined(`MPUB ${topic}-busy\n`, mpubBody(bodies)));
      }
      expect(await consume(consumer, 20_000)).toHaveLength(20_000);
      for (let batch = 0; batch < 20; batch += 1) await publisher.expectOk();
    });

    it('sees heartbeats', async () => {
      using client = await upgraded({ heartbeat_interval: 1_000 });
      expect((await client.nextFrame()).data.toString()).toBe('_heartbeat_');
    });

    it('answers what came before the end of the client', async () => {
      using client = await upgraded();
      client.write(joined(command(`PUB ${topic}-half`, 'x'), command(`PUB ${topic}-half`, 'y'), `PUB ${topic}-half`));
      client.halfClose();
      await client.expectOk();
      await client.expectOk();
      await client.closed();
    });

    it('ends quietly at plain bytes, after running what came before', async () => {
      using client = await upgraded();
      const whole = client.compress(command(`PUB ${topic}-damaged`, 'x'));
      client.writeCompressed(joined(whole, 'CLS\n', Buffer.alloc(20, 0xff)));
      await client.closed();
      expect(client.waitingFrames.filter(({ type }) => type === 1)).toEqual([]);
      expect((await daemon().topic(`${topic}-damaged`)).message_count).toBe(1);
    });

    it('ends quietly at random bytes, in the middle of a body too', async () => {
      const prng = new Prng(seedOfRun());
      for (let count = 0; count < 20; count += 1) {
        using client = await upgraded();
        const body = command(`PUB ${topic}-random`, prng.bytes(2_000)).subarray(0, prng.integer(0, 2_000));
        client.writeCompressed(joined(client.compress(body), prng.bytes(500), Buffer.alloc(40, 0xff)));
        client.halfClose();
        await client.closed();
      }
      using client = await upgraded();
      await client.publish(`${topic}-random`, 'still there');
    });

    it('holds no line, and no body, that is too long', async () => {
      using lines = await upgraded();
      lines.write('x'.repeat(16_384));
      await lines.closed();
      expect(lines.waitingCount).toBe(0);
      using bodies = await upgraded();
      bodies.write(joined(`PUB ${topic}\n`, Buffer.of(0x7f, 0xff, 0xff, 0xff), Buffer.alloc(100_000)));
      expect(await bodies.nextError()).toContain('message too big 2147483647 > 1048576');
      await bodies.closed();
    });

    it('keeps little for a client that does not read', async () => {
      using client = await upgraded();
      using publisher = await daemon().connect();
      await client.subscribe(`${topic}-stopped`, 'c', 2_500);
      client.stopReading();
      const prng = new Prng(7);
      const bodies = Array.from({ length: 40 }, () => prng.bytes(25_000));
      for (let batch = 0; batch < 30; batch += 1) {
        publisher.write(joined(`MPUB ${topic}-stopped\n`, mpubBody(bodies)));
        await publisher.expectOk();
      }
      const before = daemon().residentBytes();
      client.resumeReading();
      expect(await consume(client, 1_200)).toHaveLength(1_200);
      expect(daemon().residentBytes() - before).toBeLessThan(150 * 1024 * 1024);
    });
  });
}
