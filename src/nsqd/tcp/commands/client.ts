// The connection, as commands see it: an interface, so that commands do not depend on how a connection is made.

import type { Logger } from '../../../lib/log/logger.js';
import type { Requester } from '../../auth/auth-servers.js';
import type { ClientAuth } from '../../auth/client-auth.js';
import type { Broker } from '../../broker/broker.js';
import type { AnswerOutcome } from '../../broker/channel-answers.js';
import type { Channel } from '../../broker/channel.js';
import type { Subscriber } from '../../broker/subscriber.js';
import type { Topic } from '../../broker/topic.js';
import type { Options } from '../../options.js';
import type { BodyReader } from '../body-reader.js';
import type { ClientProfile } from '../client-profile.js';
import type { Grants } from '../layers.js';
import type { ClientState } from '../lifecycle.js';

export type PublishCommand = 'PUB' | 'MPUB' | 'DPUB';

export interface CommandClient extends Subscriber {
  readonly options: Options;
  readonly broker: Broker;
  readonly logger: Logger;
  readonly remoteAddress: string;
  readonly profile: ClientProfile;
  readonly state: ClientState;
  messageTimeoutMs: number;
  sampleRate: number;
  /** What the client may do; null while clients need no authorization. */
  readonly auth: ClientAuth | null;
  /** What auth servers are told of the client. */
  requester(): Requester;
  /** True as long as IDENTIFY is all the client may say. */
  readonly isTlsMissing: boolean;

  /** Sends a frame with this turn's output. */
  respond(frame: Uint8Array): void;
  /** Answers a publish with OK, to be sent once the turn's commit is through. */
  published(command: PublishCommand, topic: Topic, count: number): void;
  subscribed(channel: Channel): void;
  startClosing(): void;
  setReadyCount(count: number): void;
  finish(bytes: Uint8Array, at: number): AnswerOutcome;
  requeue(bytes: Uint8Array, at: number, delayMs: number): AnswerOutcome;
  extend(bytes: Uint8Array, at: number): AnswerOutcome;
  /** 0 turns heartbeats and deadlines off. The timer starts anew. */
  setHeartbeatInterval(intervalMs: number): void;
  /** Which of the layers that the client asks for it gets. */
  grantLayers(wants: Grants): Grants;
  /** The layers follow once everything gathered is sent; what the client has sent before is dropped (tcp-protocol 9.2). */
  upgradeAfterFlush(grants: Grants): void;
  /**
   * Holds back what the client sends behind the running command until `wait` is over; messages, heartbeats and other
   * connections go on. Then `proceed` ends the command, or returns the reader of its body; what `wait` rejects with is sent.
   * Neither happens if the connection is closed first.
   */
  suspend(wait: Promise<void>, proceed: () => BodyReader | void): void;
}
