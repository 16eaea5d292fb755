// A client connection of the load generator: raw V2 protocol, one fixed read buffer, no object per message. It cuts the
// byte stream into frames but leaves walking over them to the job, whose loop is the hot one.

import { connect } from 'node:net';

export const FRAME_TYPE_ERROR = 1;
export const FRAME_TYPE_MESSAGE = 2;

const READ_BUFFER_BYTES = 512 * 1024;
const FRAME_BYTES_MAX = 1024 * 1024;
const LENGTH_BYTES = 4;
const MAGIC = '  V2';

export class LoadConnection {
  #socket;
  #walk = undefined;
  #partial = Buffer.allocUnsafeSlow(FRAME_BYTES_MAX); // a frame that straddles two reads
  #partialBytes = 0;
  #awaitFrame = undefined;

  /**
   * Connects and identifies. From `start` on, `walk(buffer, begin, end)` gets every run of bytes that begins with a
   * frame and returns the offset behind the last whole one.
   */
  static async open(address, identify = {}) {
    const connection = new LoadConnection();
    await connection.#connect(address);
    const body = Buffer.from(JSON.stringify(identify));
    connection.write(Buffer.concat([Buffer.from(`${MAGIC}IDENTIFY\n`), int32(body.length), body]));
    await connection.#nextFrame();
    return connection;
  }

  async subscribe(topic, channel) {
    this.write(Buffer.from(`SUB ${topic} ${channel}\n`));
    await this.#nextFrame();
  }

  start(walk) {
    this.#walk = walk;
  }

  write(bytes) {
    this.#socket.write(bytes);
  }

  close() {
    this.#socket.destroy();
  }

  async #connect(address) {
    const [host, port] = address.split(':');
    const onread = {
      buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
      callback: (bytesRead, buffer) => this.#onRead(buffer, bytesRead),
    };
    this.#socket = connect({ host, port: Number(port), noDelay: true, onread });
    await new Promise((resolve, reject) => this.#socket.once('connect', resolve).once('error', reject));
    this.#socket.on('error', fail).on('end', () => fail(new Error('the daemon closed the connection')));
  }

  #onRead(buffer, end) {
    let begin = 0;
    if (this.#partialBytes > 0) {
      begin = this.#completePartial(buffer, end);
      if (begin < 0) return true;
    }
    const rest = this.#walkFrames(buffer, begin, end);
    this.#partialBytes = buffer.copy(this.#partial, 0, rest, end);
    return true;
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
    take(frameBytes - this.#partialBytes);
    if (this.#partialBytes < frameBytes) return -1;
    this.#walkFrames(this.#partial, 0, frameBytes);
    this.#partialBytes = 0;
    return taken;
  }

  #walkFrames(buffer, begin, end) {
    return this.#walk === undefined ? this.#walkHandshake(buffer, begin, end) : this.#walk(buffer, begin, end);
  }

  #walkHandshake(buffer, begin, end) {
    const next = frameEnd(buffer, begin, end);
    if (next < 0) return begin;
    failOnError(buffer, begin, next);
    this.#awaitFrame();
    return next;
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
