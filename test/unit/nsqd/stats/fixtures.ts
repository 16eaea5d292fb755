// A broker with two topics, a consumer and a producer, as plain objects with the fields that statistics read.

import type { Broker } from '../../../../src/nsqd/broker/broker.js';
import type { ClientDescription, Subscriber } from '../../../../src/nsqd/broker/subscriber.js';

export const CLIENT: ClientDescription = {
  clientId: 'cid',
  hostname: 'consumer-host',
  remoteAddress: '127.0.0.1:41186',
  state: 3,
  readyCount: 2,
  inFlightCount: 2,
  messageCount: 4,
  finishCount: 1,
  requeueCount: 1,
  connectedAtSeconds: 1_795_220_476,
  sampleRate: 0,
  isDeflate: false,
  isSnappy: false,
  userAgent: 'ua/1.0',
  topologyZone: 'z1',
  topologyRegion: 'r1',
  isAuthenticated: false,
  authIdentity: '',
  authIdentityUrl: '',
  publishedCounts: [],
  isProducer: false,
  isTls: false,
  tlsCipherSuite: '',
  tlsVersion: '',
};

export const PRODUCER: ClientDescription = {
  ...CLIENT,
  clientId: 'pid',
  hostname: 'prod-host',
  remoteAddress: '127.0.0.1:41200',
  state: 0,
  readyCount: 0,
  inFlightCount: 0,
  messageCount: 0,
  finishCount: 0,
  requeueCount: 0,
  userAgent: 'pub/1',
  topologyZone: '',
  topologyRegion: '',
  publishedCounts: [{ topic: 'zeta', count: 1 }],
  isProducer: true,
};

/** A connection that reduces its published counts to the filter, as the real ones do. */
export function connection(description: ClientDescription): Subscriber {
  return {
    id: 1,
    messageTimeoutMs: 60_000,
    sampleRate: 0,
    inFlightCount: 0,
    messageCount: 0,
    isReady: () => false,
    readyRoom: () => 0,
    outputRoomBytes: () => 0,
    deliverRun: () => undefined,
    deliver: () => {},
    requestFlush: () => {},
    closeAbruptly: () => {},
    describe: (topicFilter) => ({
      ...description,
      publishedCounts: description.publishedCounts.filter(({ topic }) => topicFilter === '' || topic === topicFilter),
    }),
  };
}

export function channel(name: string, fields: Record<string, unknown> = {}): object {
  return {
    name, isPaused: false, inFlightCount: 0, deferredCount: 0, messageCount: 0, requeueCount: 0, timeoutCount: 0, deadLetterCount: 0, droppedCount: 0, expiredCount: 0,
    zoneLocalMessageCount: 0, regionLocalMessageCount: 0, globalMessageCount: 0, subscribers: [],
    depth: () => 0, backendDepth: () => 0, ...fields,
  };
}

export function topic(name: string, channels: readonly object[], fields: Record<string, unknown> = {}): object {
  return {
    name, isPaused: false, messageCount: 0, messageBytes: 0, depth: () => 0, backendDepth: () => 0,
    channels: new Map(channels.map((each) => [(each as { name: string }).name, each])), ...fields,
  };
}

export function brokerOf(topics: readonly object[]): Broker {
  const byName = new Map(topics.map((each) => [(each as { name: string }).name, each]));
  return { topics: byName, findTopic: (name: string) => byName.get(name) } as unknown as Broker;
}

/** The scene of http-api 6.8 and 6.9, in no particular order. */
export function scene(): Broker {
  return brokerOf([
    topic('zeta', [
      channel('c10', { isPaused: true, depth: () => 6, deferredCount: 1, messageCount: 7 }),
      channel('C1', {
        depth: () => 3, inFlightCount: 2, deferredCount: 1, messageCount: 7, globalMessageCount: 4, requeueCount: 1,
        subscribers: [connection(CLIENT)],
      }),
    ], { messageCount: 7, messageBytes: 16 }),
    topic('alpha#ephemeral', []),
    topic('Beta', [channel('bch')], { isPaused: true, depth: () => 3, messageCount: 3, messageBytes: 3 }),
  ]);
}
