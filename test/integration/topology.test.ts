// Which of several ready consumers gets a message, and how deliveries are counted, with and without the experiment.

import { describe, expect, it } from 'vitest';

import { type Client } from '../support/client.js';
import { numbered } from '../support/consume.js';
import { Daemon, isStock } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const EXPERIMENT = '--enable-experiment=topology-aware-consumption';
const PLACED = [EXPERIMENT, '--topology-zone=z', '--topology-region=r'];

interface Deliveries {
  readonly zone: number;
  readonly region: number;
  readonly global: number;
}

async function deliveriesOf(daemon: Daemon, topic: string, channel: string): Promise<Deliveries> {
  const stats = (await daemon.channel(topic, channel)) as unknown as Record<string, number | undefined>;
  return {
    zone: stats['zone_local_msg_count'] ?? 0,
    region: stats['region_local_msg_count'] ?? 0,
    global: stats['global_msg_count'] ?? 0,
  };
}

function consumer(daemon: Daemon, zone: string, region: string, ready: number): Promise<Client> {
  return daemon.subscriber('t', 'c', ready, { topology_zone: zone, topology_region: region });
}

/** Publishes one message after the other, each delivered before the next. */
async function publishSpaced(daemon: Daemon, clients: readonly Client[], count: number): Promise<void> {
  const arrived = (): number => clients.reduce((sum, { waitingCount }) => sum + waitingCount, 0);
  for (let sent = 1; sent <= count; sent += 1) {
    await daemon.command('/pub?topic=t', 'x');
    await eventually(() => expect(arrived()).toBe(sent));
  }
}

describe('with the experiment', () => {
  it('fills the window of the zone first, then of the region, then of anyone', async () => {
    await using daemon = await Daemon.start({ flags: PLACED });
    using remote = await consumer(daemon, 'far', 'away', 5);
    using regional = await consumer(daemon, 'other', 'r', 5);
    using local = await consumer(daemon, 'z', 'r', 5);
    const clients = [local, regional, remote];
    await publishSpaced(daemon, clients, 12);
    expect(clients.map(({ waitingCount }) => waitingCount)).toEqual([5, 5, 2]);
    expect(await deliveriesOf(daemon, 't', 'c')).toEqual({ zone: 5, region: 5, global: 2 });
  });

  it('serves consumers of one zone in turn', async () => {
    await using daemon = await Daemon.start({ flags: PLACED });
    using first = await consumer(daemon, 'z', '', 100);
    using second = await consumer(daemon, 'z', '', 100);
    using remote = await consumer(daemon, '', '', 100);
    await publishSpaced(daemon, [first, second, remote], 20);
    expect(remote.waitingCount).toBe(0);
    expect(Math.min(first.waitingCount, second.waitingCount)).toBeGreaterThanOrEqual(3);
  });

  it.skipIf(isStock)('prefers the zone for what is queued, too', async () => {
    await using daemon = await Daemon.start({ flags: PLACED });
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    await daemon.command('/channel/pause?topic=t&channel=c');
    using remote = await consumer(daemon, 'far', 'away', 10);
    using local = await consumer(daemon, 'z', 'r', 10);
    await daemon.command('/mpub?topic=t', numbered(15).join('\n'));
    await daemon.command('/channel/unpause?topic=t&channel=c');
    await eventually(() => expect([local.waitingCount, remote.waitingCount]).toEqual([10, 5]));
  });

  it('counts as local what matches no name either, and as global who did not introduce itself', async () => {
    await using daemon = await Daemon.start({ flags: [EXPERIMENT] });
    using unnamed = await consumer(daemon, '', '', 1);
    await publishSpaced(daemon, [unnamed], 1);
    expect(await deliveriesOf(daemon, 't', 'c')).toEqual({ zone: 1, region: 0, global: 0 });
    using silent = await daemon.subscriber('t', 'c', 1);
    await publishSpaced(daemon, [silent], 1);
    expect(await deliveriesOf(daemon, 't', 'c')).toEqual({ zone: 1, region: 0, global: 1 });
  });
});

describe('without the experiment', () => {
  it('counts every delivery as global, redeliveries included', async () => {
    await using daemon = await Daemon.start({ flags: ['--topology-zone=z', '--topology-region=r'] });
    using client = await consumer(daemon, 'z', 'r', 1);
    await daemon.command('/pub?topic=t', 'x');
    client.requeue(await client.nextMessage(), 0);
    await client.nextMessage();
    expect(await deliveriesOf(daemon, 't', 'c')).toEqual({ zone: 0, region: 0, global: 2 });
  });

  it('serves all consumers in turn', async () => {
    await using daemon = await Daemon.start();
    using first = await consumer(daemon, '', '', 100);
    using second = await consumer(daemon, '', '', 100);
    using third = await consumer(daemon, '', '', 100);
    const clients = [first, second, third];
    await publishSpaced(daemon, clients, 30);
    for (const { waitingCount } of clients) expect(waitingCount).toBeGreaterThanOrEqual(3);
  });

  it('does not count what was read back from disk', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    await daemon.command('/mpub?topic=t', numbered(3).join('\n'));
    await daemon.stop();
    await daemon.restart();
    using client = await consumer(daemon, '', '', 5);
    await client.nextMessages(3);
    expect(await deliveriesOf(daemon, 't', 'c')).toEqual({ zone: 0, region: 0, global: 0 });
    await daemon.command('/pub?topic=t', 'x');
    await client.nextMessage();
    expect(await deliveriesOf(daemon, 't', 'c')).toEqual({ zone: 0, region: 0, global: 1 });
  });
});
