// Publishes over HTTP on connections that are kept, one request unanswered on each: requests encoded once, answers read no
// further than their status and length.

import { connect } from 'node:net';

import { bodiesOf, publishRequest } from './commands.mjs';
import { fail } from './connection.mjs';

const HEAD_END = '\r\n\r\n';
const OK_STATUS = 'HTTP/1.1 200 ';

/** job: httpAddress, topic, connections, messagesPerCommand (1 means /pub), bodyBytes, warmupMs, measureMs, messagesMax. */
export async function http(job, reporter) {
  const { httpAddress, topic, connections, messagesPerCommand, bodyBytes, warmupMs, measureMs, messagesMax } = job;
  const request = publishRequest(httpAddress, topic, bodiesOf('x', bodyBytes, messagesPerCommand));
  let sent = 0; // requests
  let answered = 0;
  let answeredAtBegin = 0;
  let isEnding = false;

  const send = (socket) => {
    if (isEnding || sent * messagesPerCommand >= messagesMax) return;
    sent++;
    socket.write(request);
  };
  const sockets = Array.from({ length: connections }, () => {
    const socket = openSocket(httpAddress, () => {
      answered++;
      send(socket);
      if (isEnding && answered === sent) reporter.done({ publishedTotal: sent * messagesPerCommand });
    });
    return socket;
  });
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));

  return function start() {
    for (const socket of sockets) send(socket);
    setTimeout(() => {
      answeredAtBegin = answered;
      reporter.begin();
      setTimeout(() => {
        isEnding = true;
        reporter.end((answered - answeredAtBegin) * messagesPerCommand);
      }, measureMs);
    }, warmupMs);
  };
}

function openSocket(address, onAnswer) {
  const [host, port] = address.split(':');
  let pending = '';
  const callback = (bytesRead, buffer) => {
    pending += buffer.latin1Slice(0, bytesRead);
    for (let end = answerEnd(pending); end >= 0 && end <= pending.length; end = answerEnd(pending)) {
      if (!pending.startsWith(OK_STATUS)) fail(new Error(pending));
      pending = pending.slice(end);
      onAnswer();
    }
    return true;
  };
  const onread = { buffer: Buffer.alloc(4096), callback };
  const socket = connect({ host, port: Number(port), noDelay: true, onread });
  return socket.on('error', fail).on('end', () => fail(new Error('the daemon closed the connection')));
}

/** Where the first answer ends, -1 as long as its head is not there. */
function answerEnd(text) {
  const headEnd = text.indexOf(HEAD_END);
  if (headEnd < 0) return -1;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text);
  return headEnd + HEAD_END.length + Number(length?.[1] ?? 0);
}
