// Stands in for a daemon to find out how fast the load generator itself is: it answers without understanding.
// Publishers get an OK per `commandBytes` received, over HTTP an answer per request of so many bytes; a subscriber gets
// the same canned frames again and again, as far as its window allows. Prints its port.
//
//   node canned-daemon.mjs <bytes of a publish command>

import { createServer } from 'node:net';

const READ_BUFFER_BYTES = 512 * 1024;
const OK = Buffer.from('\0\0\0\x06\0\0\0\0OK', 'latin1');
const OKS = Buffer.concat(Array.from({ length: 1024 }, () => OK));
const HTTP_OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\nOK');
const FIN_BYTES = 21;
const WINDOW = 2500;
const BODY_BYTES = 200;
const FRAMES_PER_WRITE = 500;

const frame = Buffer.alloc(34 + BODY_BYTES, 'x');
frame.writeInt32BE(30 + BODY_BYTES, 0);
frame.writeInt32BE(2, 4);
frame.write('0123456789abcdef', 18);
const frames = Buffer.concat(Array.from({ length: FRAMES_PER_WRITE }, () => frame));
const commandBytes = Number(process.argv[2]);

const server = createServer({ noDelay: true, highWaterMark: READ_BUFFER_BYTES }, (socket) => {
  let step = answerIdentify;
  let bytesReceived = 0;
  let inFlight = 0;
  socket.on('error', () => {});
  socket.on('data', (chunk) => (step = step(chunk)));

  function answerIdentify(chunk) {
    if (chunk.toString('latin1', 0, 4) === 'POST') return answerRequests(chunk);
    socket.write(OK);
    return chooseRole;
  }

  function answerRequests(chunk) {
    bytesReceived += chunk.length;
    for (; bytesReceived >= commandBytes; bytesReceived -= commandBytes) socket.write(HTTP_OK);
    return answerRequests;
  }

  function chooseRole(chunk) {
    if (chunk.toString('latin1', 0, 3) !== 'SUB') return answerPublish(chunk);
    socket.write(OK);
    return startDelivery;
  }

  function answerPublish(chunk) {
    const before = Math.floor(bytesReceived / commandBytes);
    bytesReceived += chunk.length;
    const count = Math.floor(bytesReceived / commandBytes) - before;
    if (count > 0) socket.write(OKS.subarray(0, count * OK.length));
    return answerPublish;
  }

  function startDelivery() {
    return countFins(Buffer.alloc(0));
  }

  function countFins(chunk) {
    bytesReceived += chunk.length;
    inFlight -= Math.floor(bytesReceived / FIN_BYTES);
    bytesReceived %= FIN_BYTES;
    while (inFlight + FRAMES_PER_WRITE <= WINDOW) {
      socket.write(frames);
      inFlight += FRAMES_PER_WRITE;
    }
    return countFins;
  }
});
server.listen({ host: '127.0.0.1', port: 0 }, () => console.log(server.address().port));
