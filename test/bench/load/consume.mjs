// Consumes on one or several connections and finishes every message: all the FINs of one read in one write, or each in a
// write of its own. Measures from a number of messages to another, or for a time; goes on consuming until it is ended, so
// that what was published meanwhile can be seen to arrive.

import { FRAME_TYPE_MESSAGE, LoadConnection, fail, failOnError, frameEnd, frameType, isHeartbeat } from './connection.mjs';

const ID_OFFSET = 18; // in a message frame: length 4, type 4, timestamp 8, attempts 2
const ID_BYTES = 16;
const FIN_PREFIX = Buffer.from('FIN ');
export const FIN_BYTES = FIN_PREFIX.length + ID_BYTES + 1;

/**
 * job: address, subscriptions (a connection for each [topic, channel]), rdy, finsPerWrite (all when absent), layer, delayMs
 * until it begins, and either warmupMessages and messagesTotal, or warmupMs and measureMs.
 */
export async function consume(job, reporter) {
  const { subscriptions, rdy, finsPerWrite = Infinity, warmupMessages = Infinity, messagesTotal = Infinity } = job;
  const connections = await LoadConnection.openAll(subscriptions.length, job.address, job.layer);
  await Promise.all(connections.map((connection, index) => connection.subscribe(...subscriptions[index])));

  let received = 0;
  let receivedAtBegin = -1;
  let isEnding = false;

  const finish = () => {
    if (isEnding) return;
    isEnding = true;
    if (receivedAtBegin < 0) fail(new Error('all messages came before the warm-up ended'));
    reporter.end(received - receivedAtBegin);
    reporter.done();
  };

  const begin = () => {
    receivedAtBegin = received;
    reporter.begin();
    if (job.measureMs !== undefined) setTimeout(finish, job.measureMs);
  };

  return function start() {
    if (job.delayMs !== undefined) setTimeout(startConsuming, job.delayMs);
    else startConsuming();
  };

  function startConsuming() {
    if (job.warmupMs !== undefined) setTimeout(begin, job.warmupMs);
    if (warmupMessages === 0) begin();
    for (const connection of connections) {
      connection.start((buffer, at, end) => {
        const fins = Buffer.allocUnsafe(Math.ceil((end - at) / (ID_OFFSET + ID_BYTES)) * FIN_BYTES);
        let count = 0;
        for (let next = frameEnd(buffer, at, end); next >= 0; next = frameEnd(buffer, at, end)) {
          if (frameType(buffer, at) === FRAME_TYPE_MESSAGE) writeFin(fins, count++ * FIN_BYTES, buffer, at + ID_OFFSET);
          else if (isHeartbeat(buffer, at, next)) connection.write(Buffer.from('NOP\n'));
          else failOnError(buffer, at, next);
          at = next;
        }
        if (count === 0) return at;
        for (let sent = 0; sent < count; sent += finsPerWrite) {
          connection.write(fins.subarray(sent * FIN_BYTES, Math.min(count, sent + finsPerWrite) * FIN_BYTES));
        }
        received += count;
        if (receivedAtBegin < 0 && received >= warmupMessages) begin();
        if (received >= messagesTotal) finish();
        return at;
      });
      connection.write(Buffer.from(`RDY ${rdy}\n`));
    }
  }
}

/** Copying byte by byte is faster than a call for so few bytes. */
export function writeFin(fins, at, buffer, idAt) {
  fins[at] = FIN_PREFIX[0];
  fins[at + 1] = FIN_PREFIX[1];
  fins[at + 2] = FIN_PREFIX[2];
  fins[at + 3] = FIN_PREFIX[3];
  for (let i = 0; i < ID_BYTES; i++) fins[at + 4 + i] = buffer[idAt + i];
  fins[at + 4 + ID_BYTES] = 0x0a;
}
