// Turns a connection's bytes into commands: the magic, then lines and the bodies some of them have, one command at a time and
// in order. Most commands arrive whole and are run where the transport put them; what is left over is kept.
//
//   no magic --"  V2"--> line --> line --> ...           what a line leads to is the owner's business
//                         |  ^
//                         v  | body complete
//                        body
//
// Closed, it forgets what it has and runs nothing any more. Suspended, it keeps what arrives until it is resumed.

import { E_BAD_PROTOCOL, ProtocolError } from '../../lib/protocol/errors.js';
import { NEED_MORE } from './body-reader.js';
import type { BodyReader } from './body-reader.js';
import type { BufferPool } from './buffer-pool.js';
import { FIN_BYTES, isFin } from './commands/dispatch.js';
import { InputBuffer } from './input-buffer.js';

const MAGIC = '  V2';
const LINE_BYTES_MAX = 16384;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Who runs the commands. */
export interface CommandOwner {
  /** The client has spoken the protocol's name. */
  greeted(): void;
  /** Runs a line, latin1 and without its end; returns the reader of its body, if it has one. Throws ProtocolError. */
  executeLine(line: string): BodyReader | null;
  /** True when a FIN may be run by `finishInPlace`. */
  readonly takesFin: boolean;
  /** FIN of the id whose 16 bytes start at `at`. */
  finishInPlace(bytes: Buffer, at: number): void;
  /** What a command threw, or the wrong magic. */
  refuse(error: unknown): void;
  /** A line without end: closed silently (tcp-protocol 4.1). */
  lineTooLong(): void;
}

export class CommandReader {
  readonly #owner: CommandOwner;
  readonly #input: InputBuffer;
  #hasMagic = false;
  #body: BodyReader | null = null;
  /** The last line whose body reader can serve again, its end included. */
  #repeatedLine: Buffer | null = null;
  #repeatedBody: BodyReader | null = null;
  #isOpen = true;
  #isSuspended = false;

  constructor(owner: CommandOwner, pool: BufferPool) {
    this.#owner = owner;
    this.#input = new InputBuffer(pool);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isSuspended(): boolean {
    return this.#isSuspended;
  }

  /** Bytes that arrived and are not run. */
  get waitingBytes(): number {
    return this.#input.length;
  }

  /** Runs what is complete with these bytes. True when a whole command was among it. */
  read(bytes: Buffer): boolean {
    const input = this.#input;
    if (input.length > 0) {
      input.append(bytes, 0);
      return this.readOn();
    }
    const at = this.#run(bytes, bytes.length);
    if (this.#isOpen && at.end < bytes.length) input.append(bytes, at.end);
    return at.hasCommand;
  }

  /** Runs what has been kept, as far as it goes. */
  readOn(): boolean {
    const input = this.#input;
    if (input.length === 0) return false;
    const at = this.#run(input.bytes(), input.length);
    if (this.#isOpen) input.consume(at.end);
    return at.hasCommand;
  }

  suspend(): void {
    this.#isSuspended = true;
  }

  /** The running command is over, or goes on with a body. */
  resume(body: BodyReader | null): void {
    this.#isSuspended = false;
    this.#body = body;
  }

  close(): void {
    this.#isOpen = false;
    this.#input.clear();
  }

  /** Opens again with nothing kept: the client goes on in another layer. */
  reopen(): void {
    this.#isOpen = true;
  }

  /** The error of a body that will not come any more; null when none is awaited. */
  unfinished(): ProtocolError | null {
    return this.#body === null ? null : this.#body.endedEarly(this.#input.length);
  }

  #run(bytes: Buffer, end: number): { readonly end: number; readonly hasCommand: boolean } {
    let at = 0;
    let hasCommand = false;
    while (at < end && this.#isOpen && !this.#isSuspended) {
      const next = this.#step(bytes, at, end);
      if (next === NEED_MORE) break;
      at = next;
      hasCommand ||= this.#body === null;
    }
    return { end: at, hasCommand };
  }

  /** One command, or the next part of it. Returns where it ends, or NEED_MORE. */
  #step(bytes: Buffer, at: number, end: number): number {
    if (this.#body !== null) return this.#readBody(this.#body, bytes, at, end);
    if (!this.#hasMagic) return this.#readMagic(bytes, at, end);
    if (isFin(bytes, at, end) && this.#owner.takesFin) {
      this.#owner.finishInPlace(bytes, at + FIN_BYTES.idAt);
      return at + FIN_BYTES.total;
    }
    return this.#readLine(bytes, at, end);
  }

  #readMagic(bytes: Buffer, at: number, end: number): number {
    if (end - at < MAGIC.length) return NEED_MORE;
    const magic = bytes.toString('latin1', at, at + MAGIC.length);
    if (magic !== MAGIC) {
      this.#owner.refuse(new ProtocolError(E_BAD_PROTOCOL));
      return NEED_MORE;
    }
    this.#hasMagic = true;
    this.#owner.greeted();
    return at + MAGIC.length;
  }

  /** Publishers repeat one line: what it led to the last time serves again, where it may. */
  #readLine(bytes: Buffer, at: number, end: number): number {
    if (this.#repeatedLine !== null && beginsWith(bytes, at, end, this.#repeatedLine)) {
      this.#body = this.#repeatedBody;
      return at + this.#repeatedLine.length;
    }
    const newline = bytes.indexOf(NEWLINE, at);
    const isComplete = newline >= 0 && newline < end;
    if ((isComplete ? newline + 1 : end) - at > LINE_BYTES_MAX || (!isComplete && end - at === LINE_BYTES_MAX)) {
      this.#owner.lineTooLong();
      return NEED_MORE;
    }
    if (!isComplete) return NEED_MORE;
    const lineEnd = newline > at && bytes[newline - 1] === CARRIAGE_RETURN ? newline - 1 : newline;
    this.#runLine(bytes.toString('latin1', at, lineEnd));
    if (this.#body?.isReusable === true) {
      this.#repeatedLine = Buffer.from(bytes.subarray(at, newline + 1));
      this.#repeatedBody = this.#body;
    }
    return newline + 1;
  }

  #runLine(line: string): void {
    try {
      this.#body = this.#owner.executeLine(line);
    } catch (error) {
      this.#owner.refuse(error);
    }
  }

  #readBody(body: BodyReader, bytes: Buffer, at: number, end: number): number {
    try {
      const count = body.read(bytes, at, end);
      if (count === NEED_MORE) return NEED_MORE;
      this.#body = null;
      return at + count;
    } catch (error) {
      this.#owner.refuse(error);
      return NEED_MORE;
    }
  }
}

/** Hot path (bench: pub). */
function beginsWith(bytes: Buffer, at: number, end: number, line: Buffer): boolean {
  const count = line.length;
  if (end - at < count) return false;
  for (let index = 0; index < count; index += 1) if (bytes[at + index] !== line[index]) return false;
  return true;
}
