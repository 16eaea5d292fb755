// Publishes at a fixed rate whatever the daemon answers (open loop). Message i is due at start + i / rate, and its
// body carries that intended time, so a late sender makes latency worse instead of hiding it. The process sleeps in
// the kernel between due times: timers of the event loop are too coarse, spinning would take a core from the daemon.

import { writeFileSync } from 'node:fs';

import { LoadConnection, failOnError, frameEnd, int32, isHeartbeat } from './connection.mjs';

const SLEEP_MS_MAX = 1; // answers are read at least this often
const TIMER_SLACK_NS = 1000; // how late the kernel may wake this process; 50 us unless told

/** job: address, topic, rate (messages per second), messagesTotal, bodyBytes. */
export async function paced(job, reporter) {
  const { address, topic, rate, messagesTotal, bodyBytes } = job;
  const connection = await LoadConnection.open(address);
  const header = Buffer.concat([Buffer.from(`PUB ${topic}\n`), int32(bodyBytes)]);
  sleepPrecisely();
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const lagsMs = new Float64Array(messagesTotal);
  const intervalNs = 1e9 / rate;
  let sent = 0;
  let startNs = 0n;

  const encode = (dueNs) => {
    const command = Buffer.alloc(header.length + bodyBytes);
    header.copy(command);
    command.writeBigInt64BE(dueNs, header.length);
    return command;
  };

  const sendDue = () => {
    const nowNs = Number(process.hrtime.bigint() - startNs);
    const commands = [];
    while (sent < messagesTotal && sent * intervalNs <= nowNs) {
      lagsMs[sent] = (nowNs - sent * intervalNs) / 1e6;
      commands.push(encode(startNs + BigInt(Math.round(sent * intervalNs))));
      sent++;
    }
    if (commands.length > 0) connection.write(commands.length === 1 ? commands[0] : Buffer.concat(commands));
    if (sent === messagesTotal) {
      lagsMs.sort();
      reporter.end(messagesTotal);
      reporter.done({ senderLagP99Ms: lagsMs[Math.floor(messagesTotal * 0.99)] });
      return;
    }
    const untilNextMs = (sent * intervalNs - Number(process.hrtime.bigint() - startNs)) / 1e6;
    if (untilNextMs > 0) Atomics.wait(sleeper, 0, 0, Math.min(untilNextMs, SLEEP_MS_MAX));
    setImmediate(sendDue); // by way of the event loop, so that answers are read
  };

  return function start() {
    connection.start((buffer, at, end) => {
      for (let next = frameEnd(buffer, at, end); next >= 0; next = frameEnd(buffer, at, end)) {
        failOnError(buffer, at, next);
        if (isHeartbeat(buffer, at, next)) connection.write(Buffer.from('NOP\n'));
        at = next;
      }
      return at;
    });
    reporter.begin();
    startNs = process.hrtime.bigint();
    sendDue();
  };
}

function sleepPrecisely() {
  try {
    writeFileSync('/proc/self/timerslack_ns', String(TIMER_SLACK_NS));
  } catch {
    // Not every system allows it; the sender's lag, which is reported, is then some 50 us longer.
  }
}
