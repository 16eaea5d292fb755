// A client connection of the load generator: raw V2 protocol, one read buffer for all connections of the process, no
// object per message. It cuts the byte stream into frames but leaves walking over them to the job, whose loop is the hot
// one.

import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { identifyOf, newCodec } from './layers.mjs';

export const FRAME_TYPE_ERROR = 1;
export const FRAME_TYPE_MESSAGE = 2;

const READ_BUFFER = Buffer.allocUnsafeSlow(512 * 1024); // emptied before the next read, whichever connection it is of
const PARTIAL_BYTES_MIN = 4096;
const LENGTH_BYTES = 4;
const MAGIC = '  V2';
const HEARTBEAT = '_heartbeat_';
const OPEN_AT_ONCE = 100;

export class LoadConnection {
  #socket;
  #codec;
  #walk = undefined;
  #partial = Buffer.alloc(0); // a frame that straddles two reads
  #partialBytes = 0;
  #awaitFrame = undefined;
  /** What came behind the answer to IDENTIFY, for the layer asked for; undefined when none was. */
  #upgradeBytes = undefined;

  /**
   * Connects and identifies. `layer` is plain, tls, snappy or deflate. From `start` on, `walk(buffer, begin, end)` gets
   * every run of bytes that begins with a frame and returns the offset behind the last whole one.
   */
  static async open(address, layer = 'plain') {
    const connection = new LoadConnection();
    connection.#codec = newCodec('plain', (buffer, end) => connection.#onBytes(buffer, end));
    await connection.#connect(address);
    if (layer !== 'plain') connection.#upgradeBytes = Buffer.alloc(0);
    const body = Buffer.from(JSON.stringify(identifyOf(layer)));
    connection.write(Buffer.concat([Buffer.from(`${MAGIC}IDENTIFY\n`), int32(body.length), body]));
    await connection.#nextFrame();
    if (layer !== 'plain') await connection.#upgrade(layer);
    return connection;
  }

  /** Opens many, some at once. */
  static async openAll(count, address, layer) {
    const connections = [];
    while (connections.length < count) {
      const some = Math.min(OPEN_AT_ONCE, count - connections.length);
      connections.push(...(await Promise.all(Array.from({ length: some }, () => LoadConnection.open(address, layer)))));
    }
    return connections;
  }

  async subscribe(topic, channel) {
    this.write(Buffer.from(`SUB ${topic} ${channel}\n`));
    await this.#nextFrame();
  }

  start(walk) {
    this.#walk = walk;
  }

  write(bytes) {
    this.#socket.write(this.#codec.encode(bytes));
  }

  /** Bytes for `writeEncoded`, to be sent any number of times. */
  encodeRepeatable(bytes) {
    return this.#codec.encodeRepeatable(bytes);
  }

  writeEncoded(bytes) {
    this.#socket.write(bytes);
  }

  close() {
    this.#socket.destroy();
  }

  async #connect(address) {
    const [host, port] = address.split(':');
    const onread = {
      buffer: READ_BUFFER,
      callback: (bytesRead, buffer) => {
        this.#codec.decode(buffer, bytesRead);
        return true;
      },
    };
    this.#socket = connect({ host, port: Number(port), noDelay: true, onread });
    await new Promise((resolve, reject) => this.#socket.once('connect', resolve).once('error', reject));
    this.#failOnEnd();
  }

  #failOnEnd() {
    this.#socket.on('error', fail).on('end', () => fail(new Error('the daemon closed the connection')));
  }

  async #upgrade(layer) {
    if (layer === 'tls') {
      this.#socket = connectTls({ socket: this.#socket, rejectUnauthorized: false });
      this.#failOnEnd();
      this.#socket.on('data', (chunk) => this.#codec.decode(chunk, chunk.length));
    } else {
      this.#codec = newCodec(layer, (buffer, end) => this.#onBytes(buffer, end));
      this.write(Buffer.from('NOP\n')); // begins the stream, so that what is repeated need not
    }
    const confirmed = this.#nextFrame();
    const begun = this.#upgradeBytes;
    this.#upgradeBytes = undefined;
    if (begun.length > 0) this.#codec.decode(begun, begun.length);
    await confirmed;
  }

  #onBytes(buffer, end) {
    let begin = 0;
    if (this.#partialBytes > 0) {
      begin = this.#completePartial(buffer, end);
      if (begin < 0) return;
    }
    const rest = this.#walkFrames(buffer, begin, end);
    this.#reservePartial(end - rest);
    this.#partialBytes = buffer.copy(this.#partial, 0, rest, end);
  }

  /** Returns the offset behind the straddling frame, or -1 when even this read does not complete it. */
  #completePartial(buffer, end) {
    let taken = 0;
    const take = (bytesWanted) => {
      const count = buffer.copy(this.#partial, this.#partialBytes, taken, Math.min(end, taken + bytesWanted));
      this.#partialBytes += count;
      taken += count;
    };
    if (this.#partialBytes < LENGTH_BYTES) take(LENGTH_BYTES - this.#partialBytes);
    if (this.#partialBytes < LENGTH_BYTES) return -1;
    const frameBytes = LENGTH_BYTES + this.#partial.readInt32BE(0);
    this.#reservePartial(frameBytes);
    take(frameBytes - this.#partialBytes);
    if (this.#partialBytes < frameBytes) return -1;
    this.#walkFrames(this.#partial, 0, frameBytes);
    this.#partialBytes = 0;
    return taken;
  }

  #reservePartial(bytes) {
    if (bytes <= this.#partial.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, PARTIAL_BYTES_MIN));
    this.#partial.copy(grown, 0, 0, this.#partialBytes);
    this.#partial = grown;
  }

  #walkFrames(buffer, begin, end) {
    return this.#walk === undefined ? this.#walkHandshake(buffer, begin, end) : this.#walk(buffer, begin, end);
  }

  #walkHandshake(buffer, begin, end) {
    let at = begin;
    for (let next = frameEnd(buffer, at, end); next >= 0; next = frameEnd(buffer, at, end)) {
      failOnError(buffer, at, next);
      this.#awaitFrame?.();
      at = next;
      if (this.#upgradeBytes !== undefined) {
        this.#upgradeBytes = Buffer.from(buffer.subarray(at, end));
        return end;
      }
    }
    return at;
  }

  #nextFrame() {
    return new Promise((resolve) => (this.#awaitFrame = resolve));
  }
}

/** Offset behind the frame at `at`, or -1 when it is not complete. */
export function frameEnd(buffer, at, end) {
  if (end - at < LENGTH_BYTES) return -1;
  const next = at + LENGTH_BYTES + buffer.readInt32BE(at);
  return next <= end ? next : -1;
}

/** The frame type stands behind the length; all its values fit the last byte. */
export function frameType(buffer, at) {
  return buffer[at + 7];
}

export function isHeartbeat(buffer, at, next) {
  return next - at === 8 + HEARTBEAT.length && buffer.latin1Slice(at + 8, next) === HEARTBEAT;
}

export function failOnError(buffer, at, next) {
  if (frameType(buffer, at) === FRAME_TYPE_ERROR) fail(new Error(buffer.toString('latin1', at + 8, next)));
}

export function int32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** A load generator that lost a connection measures nothing: it ends, and the run with it. */
export function fail(error) {
  console.error(`load generator: ${error.message}`);
  process.exit(1);
}
