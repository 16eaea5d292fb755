import { describe, expect, it } from 'vitest';

import { Scene } from './daemon-scene.js';

const [A, B, C] = ['a', 'b', 'c'] as const;

describe('delivering', () => {
  it('hands out messages in order, each to one consumer', () => {
    const scene = new Scene();
    const [first, second] = [scene.connect({ ready: 2 }), scene.connect({ ready: 2 })];
    scene.publish([...'abcdef']);
    expect([first.taken(), second.taken()]).toEqual([['a', 'b'], ['c', 'd']]);
    expect(scene.numbers()).toEqual({ depth: 2, inFlight: 4, deferred: 0 });
  });

  it('gives every consumer that takes more the same share', () => {
    const scene = new Scene();
    const clients = [scene.connect(), scene.connect(), scene.connect({ ready: 1 })];
    scene.publish([...'abcdefgh']);
    const shares = clients.map((client) => client.taken());
    expect(shares.map(({ length }) => length)).toEqual([4, 3, 1]);
    expect(shares.flat().sort()).toEqual([...'abcdefgh']);
  });

  it('gives lone messages to one consumer after the other', () => {
    const scene = new Scene();
    const clients = [scene.connect(), scene.connect()];
    for (const body of 'abcd') scene.publish([body]);
    expect(clients.map((client) => client.taken())).toEqual([['a', 'c'], ['b', 'd']]);
  });

  it('gives a connection no more bytes than it takes in a turn, but one message in any case', () => {
    const scene = new Scene();
    const client = scene.connect();
    client.consumer.outputBytesPerTurn = 100;
    const bodies = [20, 20, 20, 200, 1].map((length, index) => String(index).repeat(length));
    const runs: number[] = [];
    const { deliverRun } = client.consumer;
    client.consumer.deliverRun = (bytes, start, end, count) => {
      runs.push(end - start);
      deliverRun.call(client.consumer, bytes, start, end, count);
    };
    scene.publish(bodies);
    expect([runs, client.taken()]).toEqual([[100, 50, 230, 31], bodies]);
  });

  it('lets a message that came back have its turn in the middle of what lies side by side', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 1 });
    scene.publish([...'abc']);
    client.requeue(client.deliveries.splice(0)[0]!, 0);
    scene.publish([...'de']);
    client.ready(10);
    scene.endTurn();
    expect(client.deliveries.map(({ body, attempts }) => `${body}${attempts}`)).toEqual(['b1', 'c1', 'a2', 'd1', 'e1']);
  });

  it('keeps to the ready count, which counts what is in flight', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 1 });
    scene.publish([A, B, C]);
    const [delivery] = client.deliveries;
    expect(client.taken()).toEqual([A]);
    client.ready(2);
    scene.endTurn();
    expect(client.taken()).toEqual([B]);
    client.finish(delivery!);
    scene.endTurn();
    expect(client.taken()).toEqual([C]);
  });

  it('waits while the channel is paused, and while nobody is there', () => {
    const scene = new Scene();
    scene.channel().pause();
    const client = scene.connect();
    scene.publish([A]);
    expect(client.taken()).toEqual([]);
    scene.channel().unpause();
    scene.endTurn();
    expect(client.taken()).toEqual([A]);
  });

  it('gives every channel all messages', () => {
    const scene = new Scene();
    const clients = [scene.connect({ channel: 'c' }), scene.connect({ channel: 'd' })];
    scene.publish([A, B]);
    expect(clients.map((client) => client.taken())).toEqual([[A, B], [A, B]]);
  });

  it('refuses more consumers than allowed', () => {
    const scene = new Scene({ options: { maxChannelConsumers: 1 } });
    scene.connect();
    expect(() => scene.connect()).toThrow('consumers for t:c exceeds limit of 1');
  });

  it('tries again when a file cannot be read', () => {
    const scene = new Scene({ options: { memQueueSize: 0, maxBytesPerFile: 31 } });
    scene.channel();
    for (const body of [A, B, C]) scene.publish([body]);
    const client = scene.connect({ timeoutMs: 60_000 });
    scene.fileSystem.failures = (operation) => (operation === 'read' ? { code: 'EIO' } : null);
    scene.endTurn();
    const before = client.taken();
    expect(scene.broker.healthError()).toContain('input/output error');
    scene.fileSystem.failures = null;
    scene.advance(1000);
    expect([...before, ...client.taken()]).toEqual([A, B, C]);
  });
});

describe('answers', () => {
  it('finish for good', () => {
    const scene = new Scene();
    const client = scene.connect();
    scene.publish([A]);
    expect([client.finish(client.deliveries[0]!), scene.channel().finishCount, client.consumer.inFlightCount]).toEqual(['done', 1, 0]);
    scene.advance(5000);
    expect([client.taken(), scene.numbers()]).toEqual([[A], { depth: 0, inFlight: 0, deferred: 0 }]);
  });

  it.each(['finish', 'extend', 'requeue'] as const)('%s nothing that is not in flight, or another client\'s', (answer) => {
    const scene = new Scene();
    const [client, other] = [scene.connect({ ready: 1 }), scene.connect({ ready: 0 })];
    scene.publish([A]);
    const [delivery] = client.deliveries;
    expect(other[answer](delivery!, 0)).toBe('client does not own message');
    client.finish(delivery!);
    expect([client[answer](delivery!, 0), client[answer]({ id: Buffer.from('no such message.') }, 0)]).toEqual(['ID not in flight', 'ID not in flight']);
    expect([client.consumer.inFlightCount, other.consumer.inFlightCount]).toEqual([0, 0]);
  });

  it('requeue at once, with one more attempt', () => {
    const scene = new Scene();
    const client = scene.connect();
    scene.publish([A]);
    client.requeue(client.deliveries[0]!, 0);
    expect(scene.numbers()).toEqual({ depth: 1, inFlight: 0, deferred: 0 });
    scene.endTurn();
    expect(client.deliveries.map(({ body, attempts }) => [body, attempts])).toEqual([[A, 1], [A, 2]]);
    expect(scene.channel().requeueCount).toBe(1);
  });

  it('requeue later, never early', () => {
    const scene = new Scene();
    const client = scene.connect();
    scene.publish([A]);
    client.requeue(client.deliveries[0]!, 500);
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 0, deferred: 1 });
    client.taken();
    scene.advance(499);
    expect(client.taken()).toEqual([]);
    scene.advance(1);
    expect(client.taken()).toEqual([A]);
  });

  it('a requeued message waits its turn behind what is queued, and is not starved', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 1 });
    scene.publish([A, B, C]);
    client.requeue(client.deliveries[0]!, 0);
    client.taken();
    const order: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      scene.endTurn();
      const [delivery] = client.deliveries.splice(0);
      order.push(delivery!.body);
      client.finish(delivery!);
    }
    expect(order).toEqual([B, C, A]);
  });

  it('extend the time, up to the cap', () => {
    const scene = new Scene({ options: { maxMsgTimeoutMs: 2500 } });
    const client = scene.connect({ timeoutMs: 1000 });
    scene.publish([A]);
    const [delivery] = client.deliveries.splice(0);
    for (const at of [900, 1800, 2400]) {
      scene.advance(at - scene.clock.nowMs);
      expect(client.extend(delivery!)).toBe('done');
    }
    scene.advance(99);
    expect(scene.numbers().inFlight).toBe(1);
    scene.advance(1);
    expect([client.taken(), scene.channel().timeoutCount]).toEqual([[A], 1]);
  });
});

describe('messages that are not answered', () => {
  it('come back when their time is over, to whoever is there', () => {
    const scene = new Scene();
    const client = scene.connect({ timeoutMs: 1000 });
    scene.publish([A]);
    client.disconnect();
    const other = scene.connect();
    scene.advance(999);
    expect(other.taken()).toEqual([]);
    scene.advance(1);
    expect([other.taken(), scene.channel().timeoutCount, client.consumer.inFlightCount]).toEqual([[A], 1, 0]);
  });

  it('come back at once when the daemon is told so', () => {
    const scene = new Scene({ options: { requeueOnDisconnect: true } });
    const client = scene.connect();
    scene.publish([A, B]);
    client.disconnect();
    const other = scene.connect();
    scene.endTurn();
    expect(other.taken()).toEqual([A, B]);
  });

  it('an answer that comes too late changes nothing', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 1, timeoutMs: 100 });
    scene.publish([A]);
    const [delivery] = client.deliveries;
    client.ready(0);
    scene.advance(100);
    expect([client.finish(delivery!), client.consumer.inFlightCount, scene.numbers().depth]).toEqual(['ID not in flight', 0, 1]);
  });
});

describe('a second copy of a message, which a crash can leave,', () => {
  it('waits until the first is answered', () => {
    const scene = new Scene();
    const record = Buffer.from('0000001b18e9e76c10b072de0000313861323761366661656530353030307a', 'hex');
    scene.disk.put('/data/u.diskqueue.000000.dat', Buffer.concat([record, record]));
    const client = scene.crash().connect({ topic: 'u' });
    client.taken();
    const restarted = scene.crash();
    const consumer = restarted.connect({ topic: 'u', timeoutMs: 60_000 });
    restarted.endTurn();
    expect(consumer.deliveries).toHaveLength(1);
    restarted.advance(1000);
    expect(consumer.deliveries).toHaveLength(1);
    consumer.finish(consumer.deliveries[0]!);
    restarted.advance(1000);
    expect(consumer.taken()).toEqual(['z', 'z']);
  });
});

describe('emptying a channel', () => {
  it('forgets what is queued, in flight and deferred, and goes on with what comes', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 2 });
    scene.publish([...'abcd']);
    client.requeue(client.deliveries[1]!, 5000);
    scene.channel().empty();
    expect([scene.numbers(), client.consumer.inFlightCount]).toEqual([{ depth: 0, inFlight: 0, deferred: 0 }, 0]);
    client.taken();
    scene.publish(['new']);
    scene.advance(10_000);
    expect(client.taken()).toContain('new');
    expect(scene.disk.names('/data').filter((name) => /\d\.dat$/.test(name)).length).toBeLessThanOrEqual(1);
  });

  it('in the turn of a publish that fails does not lose the place', () => {
    const scene = new Scene({ options: { maxBytesPerFile: 31 } });
    const client = scene.connect({ ready: 0 });
    scene.publish([A]);
    scene.gather([B]);
    scene.channel().empty();
    scene.fileSystem.failNth(1, { code: 'ENOSPC' }, 'write');
    scene.endTurn();
    scene.publish([C]);
    client.ready(10);
    scene.endTurn();
    expect(client.taken()).toEqual([C]);
  });
});

describe('an ephemeral channel', () => {
  it('keeps only as much as memory is for', () => {
    const scene = new Scene({ options: { memQueueSize: 2 } });
    const client = scene.connect({ channel: 'c#ephemeral', ready: 0 });
    scene.publish([...'abcde']);
    expect([scene.numbers('t', 'c#ephemeral').depth, scene.channel('t', 'c#ephemeral').messageCount]).toEqual([2, 5]);
    client.ready(100);
    scene.endTurn();
    scene.publish(['f']);
    expect(client.taken()).toEqual(['a', 'b', 'f']);
  });

  it('goes with its last consumer', () => {
    const scene = new Scene();
    const clients = [scene.connect({ channel: 'c#ephemeral' }), scene.connect({ channel: 'c#ephemeral' })];
    clients[0]!.disconnect();
    expect(scene.broker.findTopic('t')!.findChannel('c#ephemeral')).toBeDefined();
    clients[1]!.disconnect();
    expect(scene.broker.findTopic('t')!.findChannel('c#ephemeral')).toBeUndefined();
  });
});
