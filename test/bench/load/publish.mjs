// Publishes with a fixed number of unanswered commands per connection, PUB or MPUB, from bytes encoded once: as many
// commands are written as were answered, in one write. Ends after a time or a number of messages.

import { bodiesOf, publishCommand } from './commands.mjs';
import { LoadConnection, fail, failOnError, frameEnd, isHeartbeat } from './connection.mjs';

/**
 * job: address, topics (the commands of a connection go round them), connections, window (unanswered commands per
 * connection), messagesPerCommand (1 means PUB), bodyBytes, bodies (see commands.mjs), layer, and the end: messagesMax,
 * measureMs or both, whichever comes first. warmupMs is not measured.
 */
export async function publish(job, reporter) {
  const { address, layer, window, messagesPerCommand, messagesMax = Infinity, warmupMs = 0 } = job;
  const connections = await LoadConnection.openAll(job.connections, address, layer);
  const ring = new CommandRing(job, connections[0]);

  let sent = 0; // commands
  let answered = 0;
  let answeredAtBegin = -1;
  let isEnding = false;
  const commandsMax = messagesMax / messagesPerCommand;

  const send = (connection, at, count) => {
    const allowed = isEnding ? 0 : Math.min(count, commandsMax - sent);
    if (allowed <= 0) return at;
    sent += allowed;
    connection.writeEncoded(ring.slice(at, allowed));
    return (at + allowed) % ring.length;
  };

  const finish = () => {
    if (isEnding) return;
    if (answeredAtBegin < 0) fail(new Error('all messages were published before the warm-up ended'));
    isEnding = true;
    reporter.end((answered - answeredAtBegin) * messagesPerCommand);
  };

  const begin = () => {
    answeredAtBegin = answered;
    reporter.begin();
    if (job.measureMs !== undefined) setTimeout(finish, job.measureMs);
  };

  return function start() {
    if (warmupMs === 0) begin();
    else setTimeout(begin, warmupMs);
    for (const [index, connection] of connections.entries()) {
      let position = (index * window) % ring.length;
      connection.start((buffer, at, end) => {
        let count = 0;
        for (let next = frameEnd(buffer, at, end); next >= 0; next = frameEnd(buffer, at, end)) {
          failOnError(buffer, at, next);
          if (isHeartbeat(buffer, at, next)) connection.write(Buffer.from('NOP\n'));
          else count++;
          at = next;
        }
        if (count === 0) return at;
        answered += count;
        if (answered >= commandsMax) finish();
        position = send(connection, position, count);
        if (isEnding && answered === sent) reporter.done({ publishedTotal: sent * messagesPerCommand });
        return at;
      });
      position = send(connection, position, window);
    }
  };
}

/** Commands in the order in which a connection sends them, so often that any window of them lies in one piece. */
class CommandRing {
  #offsets = [0];
  #bytes;

  constructor({ topics, window, messagesPerCommand, bodyBytes, bodies }, connection) {
    const messages = bodiesOf(bodies, bodyBytes, messagesPerCommand);
    this.length = topics.length === 1 ? window : topics.length * Math.ceil(window / topics.length);
    const encoded = topics.map((topic) => connection.encodeRepeatable(publishCommand(topic, messages)));
    const commands = Array.from({ length: 2 * this.length }, (_, i) => encoded[i % topics.length]);
    for (const command of commands) this.#offsets.push(this.#offsets.at(-1) + command.length);
    this.#bytes = Buffer.concat(commands);
  }

  slice(at, count) {
    return this.#bytes.subarray(this.#offsets[at], this.#offsets[at + count]);
  }
}
