// Consumes on one or several connections and finishes every message: all the FINs of one read go out in one write.
// Measures from a number of messages to another, or for a time.

import { FRAME_TYPE_MESSAGE, LoadConnection, failOnError, frameEnd, frameType } from './connection.mjs';

const ID_OFFSET = 18; // in a message frame: length 4, type 4, timestamp 8, attempts 2
const ID_BYTES = 16;
const FIN_PREFIX = Buffer.from('FIN ');
const FIN_BYTES = FIN_PREFIX.length + ID_BYTES + 1;

/**
 * job: address, topic, channels (one connection each; name a channel twice for two connections), rdy, and either
 * warmupMessages and messagesTotal, or warmupMs and measureMs.
 */
export async function consume(job, reporter) {
  const { address, topic, channels, rdy, warmupMessages = Infinity, messagesTotal = Infinity } = job;
  const connections = [];
  for (const channel of channels) {
    const connection = await LoadConnection.open(address);
    await connection.subscribe(topic, channel);
    connections.push(connection);
  }

  let received = 0;
  let receivedAtBegin = -1;
  let isEnding = false;

  const finish = () => {
    if (isEnding) return;
    isEnding = true;
    reporter.end(received - receivedAtBegin);
    reporter.done();
  };

  const begin = () => {
    receivedAtBegin = received;
    reporter.begin();
    if (job.measureMs !== undefined) setTimeout(finish, job.measureMs);
  };

  return function start() {
    if (job.warmupMs !== undefined) setTimeout(begin, job.warmupMs);
    for (const connection of connections) {
      connection.start((buffer, at, end) => {
        const fins = Buffer.allocUnsafe(Math.ceil((end - at) / (ID_OFFSET + ID_BYTES)) * FIN_BYTES);
        let count = 0;
        for (let next = frameEnd(buffer, at, end); next >= 0; next = frameEnd(buffer, at, end)) {
          if (frameType(buffer, at) === FRAME_TYPE_MESSAGE) writeFin(fins, count++ * FIN_BYTES, buffer, at + ID_OFFSET);
          else failOnError(buffer, at, next);
          at = next;
        }
        if (count === 0) return at;
        connection.write(fins.subarray(0, count * FIN_BYTES));
        received += count;
        if (receivedAtBegin < 0 && received >= warmupMessages) begin();
        if (received >= messagesTotal) finish();
        return at;
      });
      connection.write(Buffer.from(`RDY ${rdy}\n`));
    }
  };
}

/** Copying byte by byte is faster than a call for so few bytes. */
function writeFin(fins, at, buffer, idAt) {
  fins[at] = FIN_PREFIX[0];
  fins[at + 1] = FIN_PREFIX[1];
  fins[at + 2] = FIN_PREFIX[2];
  fins[at + 3] = FIN_PREFIX[3];
  for (let i = 0; i < ID_BYTES; i++) fins[at + 4 + i] = buffer[idAt + i];
  fins[at + 4 + ID_BYTES] = 0x0a;
}
