// Connections that do nothing but answer heartbeats, as those of an idle consumer do.

import { LoadConnection, failOnError, frameEnd, isHeartbeat } from './connection.mjs';

/** job: address, connections, topic and channel to subscribe to, measureMs. */
export async function idle(job, reporter) {
  const connections = await LoadConnection.openAll(job.connections, job.address);
  for (const connection of connections) {
    await connection.subscribe(job.topic, job.channel);
    connection.start((buffer, at, end) => {
      for (let next = frameEnd(buffer, at, end); next >= 0; next = frameEnd(buffer, at, end)) {
        failOnError(buffer, at, next);
        if (isHeartbeat(buffer, at, next)) connection.write(Buffer.from('NOP\n'));
        at = next;
      }
      return at;
    });
    connection.write(Buffer.from('RDY 1\n'));
  }
  return function start() {
    reporter.begin();
    setTimeout(() => {
      reporter.end(0);
      reporter.done();
    }, job.measureMs);
  };
}
