// A client in a process of its own, so that it can be stopped by a signal like one whose machine hangs:
//
//   node stoppable-client.mjs HOST PORT BYTES_AS_BASE64
//
// Sends the bytes, prints the data of each message it gets as one line of base64, answers heartbeats, finishes nothing.

import { connect } from 'node:net';

const [host, port, bytes] = process.argv.slice(2);
const socket = connect(Number(port), host, () => socket.write(Buffer.from(bytes, 'base64')));
let pending = Buffer.alloc(0);
socket.on('data', (chunk) => {
  pending = Buffer.concat([pending, chunk]);
  while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
    const end = 4 + pending.readInt32BE(0);
    take(pending.readInt32BE(4), pending.subarray(8, end));
    pending = pending.subarray(end);
  }
});
socket.on('error', () => process.exit(1));
socket.on('close', () => process.exit(0));

function take(type, data) {
  if (type === 2) console.log(data.toString('base64'));
  else if (data.toString() === '_heartbeat_') socket.write('NOP\n');
}
