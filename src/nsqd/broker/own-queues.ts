// The queues on disk that channels of one topic have of their own, beside the topic's log:
//
//   found   a clean stop, or stock nsqd, left messages under the channel's name; the channel reads them first
//   begun   this run moves messages there that outlast their file (stragglers.ts)
//
// Either is removed once everything in it is finished. A file number names one content as long as a run lasts, so that a
// queue that is begun anew goes on behind the numbers of the one before.

import type { MessageIdGenerator } from '../../lib/protocol/message-id.js';
import { channelQueueName } from '../storage/data-directory.js';
import { recoverLog } from '../storage/log-recovery.js';
import { MessageLog } from '../storage/message-log.js';
import type { WritePolicy } from '../storage/message-log.js';
import { seekPlace } from '../storage/place-resolver.js';
import { runOfQueueMeta } from '../storage/queue-meta.js';
import { goesWith } from '../storage/topic-state.js';
import type { ChannelState } from '../storage/topic-state.js';
import type { Channel } from './channel.js';
import type { BrokerContext } from './context.js';
import { LogCursor } from './log-cursor.js';

/** The log of a queue of that name, without what may be on disk already. */
function newQueue(name: string, policy: WritePolicy, { directory, pool, options }: BrokerContext): MessageLog {
  return new MessageLog(name, directory, pool, {
    policy,
    bytesPerFileMax: options.maxBytesPerFile,
    memoryRecordsMax: options.memQueueSize,
  });
}

export interface OpenedQueue {
  readonly log: MessageLog;
  /** The text of the metadata file that was found; null when there was none. */
  readonly metaText: string | null;
}

/**
 * The log of a queue of that name, with what was found on disk. New ids are to be greater than those in it, even if the wall
 * clock was stepped back since. Throws StorageError.
 */
export function openQueue(name: string, policy: WritePolicy, ids: MessageIdGenerator, context: BrokerContext): OpenedQueue {
  const log = newQueue(name, policy, context);
  const { metaText, greatestId, warnings } = recoverLog(log);
  ids.setWallClock(context.turn.wallMs());
  if (greatestId !== null) ids.continueAfter(greatestId);
  for (const warning of warnings) context.logger.warn(`DISKQUEUE(${name}): ${warning}`);
  return { log, metaText };
}

export class OwnQueues {
  readonly #topicName: string;
  readonly #topicLog: MessageLog;
  readonly #ids: MessageIdGenerator;
  readonly #context: BrokerContext;
  /** Where a queue that is begun anew goes on, by channel. */
  readonly #nextFileNumbers = new Map<string, number>();
  /** Channels whose queue another nsqd has written since the side file. */
  readonly #foreign = new Set<string>();

  constructor(topicName: string, topicLog: MessageLog, ids: MessageIdGenerator, context: BrokerContext) {
    this.#topicName = topicName;
    this.#topicLog = topicLog;
    this.#ids = ids;
    this.#context = context;
  }

  /**
   * What was found on disk under a new channel's name; null when nothing is to be read there. `state` is what the side file
   * tells of the channel, if anything. Throws StorageError.
   */
  find(channelName: string, state: ChannelState | undefined): LogCursor | null {
    const { log, metaText } = openQueue(channelQueueName(this.#topicName, channelName), 'through', this.#ids, this.#context);
    this.#nextFileNumbers.set(channelName, log.files.nextNumber);
    if (log.isEmpty()) return null;
    const { run } = this.#topicLog.metaFile;
    if (state?.ownCursor === null && metaText !== null && runOfQueueMeta(metaText) === run) {
      // This run had finished the queue, and could not remove its files.
      log.discardAll();
      this.#discardMeta(channelName);
      return null;
    }
    log.metaFile.run = run;
    if (state === undefined || !goesWith(run, state.ownMetaText, metaText)) {
      if (state !== undefined) this.#foreign.add(channelName);
      return new LogCursor(log, log.addReader(null), log.end());
    }
    return cursorAsRemembered(log, state);
  }

  /** True when another nsqd has written the queue that was found: what the side file tells of it does not count. */
  isForeign(channelName: string): boolean {
    return this.#foreign.has(channelName);
  }

  /** The channel's own queue, begun if it has none. Throws StorageError. */
  of(channel: Channel): LogCursor {
    return channel.ownCursor ?? this.#begin(channel);
  }

  #begin(channel: Channel): LogCursor {
    const name = channelQueueName(this.#topicName, channel.name);
    const log = newQueue(name, channel.isEphemeral ? 'never' : 'through', this.#context);
    log.metaFile.run = this.#topicLog.metaFile.run;
    log.reservePlace([this.#nextFileNumbers.get(channel.name) ?? 0, 0]);
    // Before its first record: it tells a start that this run has begun the queue.
    if (!channel.isEphemeral) log.writeMeta();
    const cursor = new LogCursor(log, log.addReader(null), log.end());
    channel.addOwnQueue(cursor);
    return cursor;
  }

  /** Removes the channel's own queue if everything in it is finished. */
  dropFinished(channel: Channel): void {
    const own = channel.ownCursor;
    if (!channel.dropFinishedQueue()) return;
    channel.hasChanged = true;
    this.#nextFileNumbers.set(channel.name, own!.log.files.nextNumber);
    this.#discardMeta(channel.name);
  }

  /** Removes the own queue of a channel that is being deleted, whatever is in it. */
  discard(channel: Channel): void {
    channel.ownCursor?.log.discardAll();
    this.#discardMeta(channel.name);
  }

  #discardMeta(channelName: string): void {
    const { directory } = this.#context;
    directory.discard(directory.queueMetaPath(channelQueueName(this.#topicName, channelName)));
  }
}

function cursorAsRemembered(log: MessageLog, { ownCursor, ownEnd }: ChannelState): LogCursor {
  const cursor = new LogCursor(log, log.addReader(ownCursor === null ? null : seekPlace(log, ownCursor)), log.end());
  // What follows was written to be moved here, and is still at its old place.
  if (ownEnd !== undefined) cursor.leaveOutFrom(seekPlace(log, ownEnd));
  return cursor;
}
