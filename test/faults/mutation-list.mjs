// For each window of the README's table: what closes it, taken away by replacing a piece of the source, and the test that must
// fail then. `isBuilt` is for tests of the compiled daemon. Behind them what bounds and dead letters must not lose.

const WINDOWS = 'test/unit/nsqd/broker/loss-windows.test.ts';
const BOUNDS = 'test/unit/nsqd/broker/topic-bounds.test.ts';
const DEAD_LETTERS = 'test/unit/nsqd/broker/dead-letters.test.ts';
const BROKER = 'src/nsqd/broker';
const STORAGE = 'src/nsqd/storage';

export const MUTATIONS = [
  {
    window: 'L1', what: 'no metadata before the first message counts', file: `${STORAGE}/message-log.ts`,
    find: 'if (this.metaFile.isStale) this.writeMeta();', replace: '',
    test: WINDOWS, name: 'L1: before the first sync of a queue loses nothing',
  },
  {
    window: 'L1', what: 'files without metadata are not looked for', file: `${STORAGE}/log-recovery.ts`,
    find: 'if (fileNumbers === null)', replace: 'if (fileNumbers === null || fileSystemLacks(log))',
    append: `\nfunction fileSystemLacks(log: MessageLog): boolean {\n  return log.directory.fileSystem.size(log.directory.queueMetaPath(log.name)) === null;\n}\n`,
    test: WINDOWS, name: 'L1: loses nothing even if the metadata never reached the disk',
  },
  {
    window: 'L2', what: 'the number after an emptied queue is forgotten', file: `${STORAGE}/message-log.ts`,
    find: 'this.files.reserve(position > 0 ? fileNumber + 1 : fileNumber);', replace: 'void fileNumber, position;',
    test: WINDOWS, name: 'L2: after emptying loses nothing that came since',
  },
  {
    window: 'L3', what: 'messages stay in memory', file: `${BROKER}/topic.ts`,
    find: "=== 'memory' ? 'back' : 'through'", replace: "=== 'memory' ? 'back' : 'back'",
    test: WINDOWS, name: 'L3: loses nothing that is queued, at topics and in channels',
  },
  {
    window: 'L4', what: 'what is in flight is not remembered', file: `${BROKER}/checkpoint.ts`,
    find: '[...channel.held.takeInFlightChanges(), ...waiting]', replace: '[...waiting]',
    test: WINDOWS, name: 'L4: loses nothing that is in flight, attempts included',
  },
  {
    window: 'L5', what: 'what is deferred is not remembered', file: `${BROKER}/checkpoint.ts`,
    find: '[...channel.held.takeInFlightChanges(), ...waiting]', replace: 'channel.held.takeInFlightChanges()',
    test: WINDOWS, name: 'L5: loses nothing that is deferred, published so or requeued',
  },
  {
    window: 'L6', what: 'due times are not written with the publish', file: `${BROKER}/topic-checkpoints.ts`,
    find: 'this.#changes.push({ deferred: deferredState(this.#topic.log, publish, wallOffsetMs(this.#context.clock)) });', replace: '',
    test: WINDOWS, name: 'L6: keeps due times at a topic without channels',
  },
  {
    window: 'L6', what: 'due times are not exported', file: `${BROKER}/export.ts`,
    find: 'this.#held.push([0, file, position,', replace: 'void ([0, file, position,',
    test: WINDOWS, name: 'L6: keeps due times',
  },
  {
    window: 'L7', what: 'the answer does not wait for the flush', file: `${BROKER}/turn.ts`,
    find: 'if (this.#settings.isSynced && commit.topics.size > 0)', replace: 'if (this.#settings.isSynced && commit.topics.size > 99)',
    test: WINDOWS, name: 'L7: loses nothing that was answered OK',
  },
  {
    window: 'L7', what: 'the answer follows a flush that began before the write', file: `${STORAGE}/shared-sync.ts`,
    find: 'if (!this.isNeeded) return done(null);', replace: 'if (!this.isNeeded || this.#isRunning) return done(null);',
    test: 'test/unit/nsqd/storage/shared-sync.test.ts', name: 'does not answer with a flush that began before the last write',
  },
  {
    window: 'L8', what: 'the directory is not flushed with the data', file: `${STORAGE}/log-files.ts`,
    find: 'this.#directory.entriesSync.request(oneDone);', replace: 'oneDone(null);',
    test: WINDOWS, name: 'L8: loses no file whose messages were answered OK, rolled ones included',
  },
  {
    window: 'L8', what: 'the directory is not flushed after nsqd.dat', file: `${BROKER}/broker.ts`,
    find: 'if (isDurable) directory.fileSystem.syncDirectoryNow(directory.path);', replace: '',
    test: WINDOWS, name: 'L8: loses no topic or channel whose creation was answered',
  },
  {
    window: 'L8a', what: 'exported files are not flushed', file: `${STORAGE}/queue-writer.ts`,
    find: 'this.#directory.fileSystem.syncDataNow(this.#fd, this.#directory.dataPath(this.#queue, this.#fileNumber));', replace: '',
    test: WINDOWS, name: 'L8a: after a clean stop loses nothing in channels',
  },
  {
    window: 'L8a', what: 'the files of the topic are not flushed', file: `${BROKER}/export.ts`,
    find: 'log.files.syncNow();', replace: '',
    test: WINDOWS, name: 'L8a: after a clean stop loses nothing at a topic',
  },
  {
    window: 'L9', what: 'a file that is there is written on', file: `${STORAGE}/log-files.ts`,
    find: 'this.#nextNumber = Math.max(this.#nextNumber, number);', replace: 'void number;',
    test: WINDOWS, name: 'L9: lose nothing that is published then, if data is missing',
  },
  {
    window: 'L10', what: 'the number of a found file is used again', file: `${STORAGE}/log-files.ts`,
    find: 'this.#nextNumber = Math.max(this.#nextNumber, number);', replace: 'void number;',
    test: WINDOWS, name: 'L10: and another one right after the start lose nothing',
  },
  {
    window: 'L11', what: 'fan-out needs the disk', file: `${BROKER}/topic-backlog.ts`,
    find: 'channel.released(from, deferred, end);',
    replace: '{ channel.released(from, deferred, end); try { this.#log.directory.probe(false); } catch { channel.empty(); } }',
    test: WINDOWS, name: 'L11: keeps no backlog from a channel that is created then',
  },
  {
    window: 'L12', what: 'a timeout needs the disk', file: `${BROKER}/held-messages.ts`,
    find: 'this.giveBack(this.takeFromFlight(slot));\n      slot', replace: `${onDisk('this.takeFromFlight(slot)')}\n      slot`,
    test: WINDOWS, name: 'L12: loses no message that times out',
  },
  {
    window: 'L13', what: 'the end of a delay needs the disk', file: `${BROKER}/held-messages.ts`,
    find: 'left -= 1) this.addReturned(this.#deferred.pop()!);', replace: `left -= 1) { ${onDisk('this.#deferred.pop()!')} }`,
    test: WINDOWS, name: 'L13: loses no deferred message that becomes due',
  },
  {
    window: 'L14', what: 'a requeue needs the disk', file: `${BROKER}/channel-answers.ts`,
    find: 'if (delayMs === 0) {\n      held.giveBack(record);', replace: `if (delayMs === 0) {\n      ${onDisk('record', 'held')}`,
    test: WINDOWS, name: 'L14: loses no message that is requeued, and refuses no REQ',
  },
  {
    window: 'L15', what: 'reading ends at the damage', file: `${STORAGE}/log-recovery.ts`,
    find: '      position = found ?? size;\n', replace: '      position = size;\n',
    test: 'test/unit/nsqd/storage/resync.test.ts', name: 'costs the records it touches and no other',
  },
  {
    window: 'L15', what: "records above today's limit count as damage", file: `${STORAGE}/log-recovery.ts`, isBuilt: true,
    find: 'if (payload < HEADER_BYTES || position + end > size) break;', replace: 'if (payload < HEADER_BYTES || payload > 1126 || position + end > size) break;',
    test: 'test/integration/stock-directory.test.ts', name: 'delivers a record larger than the current --max-msg-size, and what follows',
  },
  {
    window: 'L16', what: 'unreadable metadata stands for an empty queue', file: `${STORAGE}/log-recovery.ts`,
    find: 'if (metaText !== null && meta === null)', replace: "if (metaText !== null && meta === null) return { metaText, greatestId: null, warnings: [] } as never;\n  if (metaText === '?')",
    test: WINDOWS, name: 'L16: lose nothing if the metadata is unreadable',
  },
  {
    window: 'L17', what: 'nsqd.dat is written after the answer', file: `${BROKER}/turn.ts`,
    find: '    this.#settings.commitMetadata();\n', replace: '    if (commit.waiters.length === 0) this.#settings.commitMetadata();\n',
    test: WINDOWS, name: 'L17: at the moment of the answer finds topic and channel again',
  },
  {
    window: 'L19', what: 'a stopped topic takes messages', file: `${BROKER}/topic.ts`,
    find: 'if (this.#isExiting) throw this.#refusal(EXITING_REASON);', replace: '',
    test: WINDOWS, name: 'L19: answers no publish after the flush, and flushes what is queued, in flight and requeued',
  },
  {
    window: 'L20', what: 'a stop that fails is not told', file: `${BROKER}/broker.ts`,
    find: 'this.#reportFailure(what, error);\n      return false;', replace: 'this.#reportFailure(what, error);\n      return true;',
    test: WINDOWS, name: 'L20: at the clean stop is told, and nothing is thrown away',
  },
  {
    window: 'L23', what: 'a negative length is believed', file: 'src/nsqd/lookup/answer-reader.ts',
    find: 'if (length < 0) return refused(`response body size (${length}) is negative`);', replace: '',
    test: 'test/unit/nsqd/lookup/answer-reader.test.ts', name: 'is refused before anything is kept of it',
  },
  {
    window: 'L24', what: 'the data path is a format', file: `${STORAGE}/data-directory.ts`, isBuilt: true,
    find: 'return join(this.path, `${queue}.diskqueue.meta.dat`);', replace: "return join(this.path.replaceAll('%', '%!'), `${queue}.diskqueue.meta.dat`);",
    test: 'test/integration/process.test.ts', name: 'may have a name with percent signs and blanks',
  },
  {
    window: 'L25', what: 'ids begin anew with the clock', file: `${BROKER}/own-queues.ts`,
    find: 'if (greatestId !== null) ids.continueAfter(greatestId);', replace: '',
    test: 'test/unit/nsqd/broker/restart.test.ts', name: 'gives ids on from where they were, even if the clock was stepped back',
  },
  {
    window: 'L25', what: 'ids follow the clock back', file: 'src/lib/protocol/message-id.ts',
    find: 'if (ts > this.#ts) this.#startTs(ts);', replace: 'if (ts !== this.#ts) this.#startTs(ts);',
    test: 'test/unit/nsqd/broker/clock-steps.test.ts', name: 'lets ids rise on, in the same process and in the next',
  },
  {
    window: 'D1', what: 'channels begin at the beginning', file: `${BROKER}/checkpoint.ts`,
    find: 'cursor: topic.log.placeOf(topicCursor.reader),', replace: 'cursor: [0, 0],',
    test: 'test/unit/nsqd/broker/restart.test.ts', name: 'brings again what was finished since the last checkpoint, and nothing older',
  },
  {
    window: 'D2', what: 'the topic gives its messages out again', file: `${BROKER}/checkpoint.ts`,
    find: 'released: log.placeOf(topic.released),', replace: 'released: [0, 0],',
    test: WINDOWS, name: 'D2: brings each message of each channel once',
  },
  {
    window: 'D3', what: 'a batch that failed is not taken back', file: `${STORAGE}/message-log.ts`,
    find: '      this.#takeBack();\n', replace: '',
    test: WINDOWS, name: 'D3: takes back the whole of a batch that did not fit',
  },
  {
    window: 'D5', what: 'new content is written over an old file', file: `${STORAGE}/queue-writer.ts`,
    find: '    this.#directory.makeRoomFor(path);\n', replace: '',
    test: 'test/unit/nsqd/storage/queue-writer.test.ts', name: 'replaces a leftover of the same name, and does not write into the file it may be a link to',
  },
  {
    window: 'B1', what: 'consumed files stay', file: `${STORAGE}/log-files.ts`,
    find: 'if (segment.isSealed && segment.liveChunks === 0) this.#discard(segment);', replace: '',
    test: WINDOWS, name: 'B1: a consumer that keeps up leaves no file behind, and none set aside',
  },
  {
    window: 'B2', what: 'temporary files stay after a failure', file: `${STORAGE}/node-file-system.ts`,
    find: '      this.#removeQuietly(temporary);\n', replace: '',
    test: 'test/unit/nsqd/storage/node-file-system.test.ts', name: 'B2: that fails leaves no temporary file',
  },
  {
    window: 'B2', what: 'temporary files of damage that is set aside are not known', file: `${STORAGE}/data-directory.ts`,
    find: '|.+\\.diskqueue\\.\\d+\\.dat\\.bad(?:\\.\\d+)?|', replace: '|',
    test: 'test/unit/nsqd/storage/data-directory.test.ts', name: 'removes what an interrupted replacement and ephemeral topics left, and nothing else',
  },
  {
    window: 'B3', what: 'the start needs nsqd.dat to be written', file: `${BROKER}/broker.ts`,
    find: "this.#reportFailure('failed to persist metadata', error);", replace: 'throw error;',
    test: WINDOWS, name: 'B3: does not keep the daemon from starting and delivering',
  },
  {
    window: 'B4', what: 'deletions are not written', file: `${BROKER}/broker.ts`,
    find: 'topic.delete();\n    if (!topic.isEphemeral) this.#metadataChanged();', replace: 'topic.delete();',
    test: WINDOWS, name: 'B4: does not bring back what was deleted',
  },
  {
    window: 'B5', what: 'a drained queue keeps its file', file: `${BROKER}/topic-checkpoints.ts`,
    find: '      log.trim();\n', replace: '',
    test: WINDOWS, name: 'B5: a drained queue has no file',
  },
  {
    window: 'bounds', what: 'what is not flushed yet is dropped for its size', file: `${BROKER}/topic-bounds.ts`,
    find: 'endOfRun(released, kept, isDropped)', replace: 'endOfRun(released, (void kept, this.#topic.log.end()), isDropped)',
    test: BOUNDS, name: 'is not dropped for being the oldest of a full topic',
  },
  {
    window: 'bounds', what: 'what is not flushed yet is dropped for its age', file: `${BROKER}/topic-bounds.ts`,
    find: 'endOfRun(released, kept, isDropped)', replace: 'endOfRun(released, (void kept, this.#topic.log.end()), isDropped)',
    test: BOUNDS, name: 'is not dropped for its age',
  },
  {
    window: 'bounds', what: 'a read failure leaves what was dropped uncounted', file: `${BROKER}/channel.ts`,
    find: 'return this.#queue.dropUnread(isDropped, countMax);\n    } finally {\n      this[counter] += before - this.#queue.unread();',
    replace: 'const dropped = this.#queue.dropUnread(isDropped, countMax);\n      this[counter] += dropped;\n      return dropped;\n    } finally {',
    test: BOUNDS, name: 'is counted in its channel, and the rest is dropped once it can be read',
  },
  {
    window: 'bounds', what: 'the same for what came back', file: `${BROKER}/channel.ts`,
    find: 'return this.held.dropReturned(isDropped, countMax);\n    } finally {\n      this[counter] += before - this.#queue.length();',
    replace: 'const dropped = this.held.dropReturned(isDropped, countMax);\n      this[counter] += dropped;\n      return dropped;\n    } finally {',
    test: BOUNDS, name: 'is counted among what came back',
  },
  {
    window: 'bounds', what: 'a clock that was behind counts as right', file: `${BROKER}/topic-bounds.ts`,
    find: 'this.#wallOffsetMs = Math.min(this.#wallOffsetMs, turn.wallMs() - turn.nowMs());', replace: 'void turn;',
    test: BOUNDS, name: 'is not dropped because the wall clock had been set back, and is set right again',
  },
  {
    window: 'dead', what: 'a message is finished before it is written', file: `${BROKER}/dead-letters.ts`,
    find: 'this.#batch.records.push(record);', replace: 'this.#leaving.delete(record);\n    this.#journal.letGo(record);',
    test: DEAD_LETTERS, name: 'keeps it in its channel over a crash',
  },
  {
    window: 'dead', what: 'a message is finished before it is flushed', file: `${BROKER}/turn.ts`,
    find: 'if (this.#settings.isSynced && commit.topics.size > 0)', replace: 'if (this.#settings.isSynced && commit.topics.size > 99)',
    test: DEAD_LETTERS, name: 'keeps it in its channel over a power failure while its flush is under way',
  },
  {
    window: 'dead', what: 'a message that was written stays', file: `${BROKER}/dead-letters.ts`,
    find: '      this.#leaving.delete(record);\n      this.#journal.letGo(record);\n', replace: '',
    test: DEAD_LETTERS, name: 'lets it go once it is written: a crash does not repeat it',
  },
  {
    window: 'delay', what: 'a clean stop rounds due times down', file: `${BROKER}/export.ts`,
    find: 'Math.ceil(record.dueMs + this.#wallOffsetMs)', replace: 'Math.round(record.dueMs + this.#wallOffsetMs)',
    test: 'test/unit/nsqd/broker/restart.test.ts', name: 'makes no delay shorter, not by a fraction of a millisecond',
  },
];

/** As in stock nsqd: the message goes on if the disk takes it, and is dropped otherwise. */
function onDisk(record, held = 'this') {
  return `const moved = ${record}; try { this.#context.directory.probe(false); ${held}.addReturned(moved); } catch { moved.chunk.letGo(); }`;
}
