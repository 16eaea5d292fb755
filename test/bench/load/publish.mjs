// Publishes with a fixed number of unanswered commands per connection, PUB or MPUB, from bytes encoded once: as many
// commands are written as were answered, in one write. Ends after a time or a number of messages.

import { LoadConnection, failOnError, frameEnd, int32 } from './connection.mjs';

/**
 * job: address, topic, connections, window (unanswered commands per connection), messagesPerCommand (1 means PUB),
 * bodyBytes, and the end: messagesMax, measureMs or both, whichever comes first. warmupMs is not measured.
 */
export async function publish(job, reporter) {
  const { address, connections: connectionCount, window, messagesPerCommand, messagesMax = Infinity } = job;
  const command = encodeCommand(job);
  const burst = Buffer.concat(Array.from({ length: window }, () => command));
  const connections = [];
  for (let i = 0; i < connectionCount; i++) connections.push(await LoadConnection.open(address));

  let sent = 0; // commands
  let answered = 0;
  let answeredAtBegin = 0;
  let isEnding = false;
  const commandsMax = messagesMax / messagesPerCommand;

  const send = (connection, count) => {
    const allowed = isEnding ? 0 : Math.min(count, commandsMax - sent);
    if (allowed <= 0) return;
    sent += allowed;
    connection.write(allowed === window ? burst : burst.subarray(0, allowed * command.length));
  };

  const finish = () => {
    if (isEnding) return;
    isEnding = true;
    reporter.end((answered - answeredAtBegin) * messagesPerCommand);
  };

  const begin = () => {
    answeredAtBegin = answered;
    reporter.begin();
    if (job.measureMs !== undefined) setTimeout(finish, job.measureMs);
  };

  return function start() {
    for (const connection of connections) {
      connection.start((buffer, at, end) => {
        let count = 0;
        for (let next = frameEnd(buffer, at, end); next >= 0; next = frameEnd(buffer, at, end)) {
          failOnError(buffer, at, next);
          count++;
          at = next;
        }
        answered += count;
        if (answered >= commandsMax) finish();
        send(connection, count);
        if (isEnding && answered === sent) reporter.done({ publishedTotal: sent * messagesPerCommand });
        return at;
      });
    }
    setTimeout(begin, job.warmupMs ?? 0);
    for (const connection of connections) send(connection, window);
  };
}

function encodeCommand({ topic, messagesPerCommand, bodyBytes }) {
  const message = Buffer.concat([int32(bodyBytes), Buffer.alloc(bodyBytes, 'x')]);
  if (messagesPerCommand === 1) return Buffer.concat([Buffer.from(`PUB ${topic}\n`), message]);
  const messages = Array.from({ length: messagesPerCommand }, () => message);
  const commandBytes = 4 + message.length * messagesPerCommand;
  return Buffer.concat([Buffer.from(`MPUB ${topic}\n`), int32(commandBytes), int32(messagesPerCommand), ...messages]);
}
