// Consumes what paced.mjs publishes, in another process, and takes the time from the intended send time in the body
// to the moment the message was read. Both processes read the same monotonic clock.

import { FRAME_TYPE_MESSAGE, LoadConnection, failOnError, frameEnd, frameType, isHeartbeat } from './connection.mjs';

const ID_OFFSET = 18;
const BODY_OFFSET = 34;

/** job: address, topic, channel, rdy, messagesTotal, warmupMessages. IDENTIFY asks for nothing, so defaults apply. */
export async function latency(job, reporter) {
  const { address, topic, channel, rdy, messagesTotal, warmupMessages } = job;
  const connection = await LoadConnection.open(address);
  await connection.subscribe(topic, channel);
  const latenciesMs = new Float64Array(messagesTotal);
  let received = 0;

  return function start() {
    connection.start((buffer, at, end) => {
      const nowNs = process.hrtime.bigint();
      const fins = [];
      for (let next = frameEnd(buffer, at, end); next >= 0; next = frameEnd(buffer, at, end)) {
        if (frameType(buffer, at) === FRAME_TYPE_MESSAGE) {
          latenciesMs[received++] = Number(nowNs - buffer.readBigInt64BE(at + BODY_OFFSET)) / 1e6;
          fins.push(`FIN ${buffer.latin1Slice(at + ID_OFFSET, at + BODY_OFFSET)}\n`);
          if (received === warmupMessages) reporter.begin();
        } else if (isHeartbeat(buffer, at, next)) {
          connection.write(Buffer.from('NOP\n'));
        } else {
          failOnError(buffer, at, next);
        }
        at = next;
      }
      if (fins.length > 0) connection.write(Buffer.from(fins.join('')));
      if (received === messagesTotal) {
        const measured = latenciesMs.subarray(warmupMessages).sort();
        const percentile = (share) => measured[Math.floor((measured.length - 1) * share)];
        const [p50Ms, p99Ms, p999Ms, maxMs] = [0.5, 0.99, 0.999, 1].map(percentile);
        reporter.end(measured.length);
        reporter.done({ p50Ms, p99Ms, p999Ms, maxMs });
      }
      return at;
    });
    connection.write(Buffer.from(`RDY ${rdy}\n`));
  };
}
