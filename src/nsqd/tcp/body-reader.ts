// Bodies of commands as they arrive: a reader is asked again, with all bytes since the command line, until it has enough.

import type { ProtocolError } from '../../lib/protocol/errors.js';
import { readInt32 } from '../storage/record.js';

export const NEED_MORE = -1;
export const SIZE_BYTES = 4;

export interface BodyReader {
  /** True when the same line may be answered by this very reader again, in any state of the connection. */
  readonly isReusable: boolean;
  /**
   * Looks at the bytes from `start` to `end`. Returns how many the body took, after acting on it, or NEED_MORE.
   * Throws ProtocolError as soon as the bytes seen so far are wrong: limits come before memory.
   */
  read(bytes: Buffer, start: number, end: number): number;
  /** The error if nothing more arrives (tcp-protocol 6.4), `available` bytes being there. */
  endedEarly(available: number): ProtocolError;
}

/** `| size 4 | body |`, the form of every command but MPUB. */
export class SizedBodyReader implements BodyReader {
  readonly isReusable: boolean;
  readonly #checkSize: (size: number) => void;
  readonly #act: (bytes: Buffer, start: number, end: number) => void;
  readonly #endedEarly: (isSizeKnown: boolean) => ProtocolError;

  constructor(
    checkSize: (size: number) => void,
    act: (bytes: Buffer, start: number, end: number) => void,
    endedEarly: (isSizeKnown: boolean) => ProtocolError,
    isReusable = false,
  ) {
    this.isReusable = isReusable;
    this.#checkSize = checkSize;
    this.#act = act;
    this.#endedEarly = endedEarly;
  }

  read(bytes: Buffer, start: number, end: number): number {
    if (end - start < SIZE_BYTES) return NEED_MORE;
    const size = readInt32(bytes, start);
    this.#checkSize(size);
    if (end - start - SIZE_BYTES < size) return NEED_MORE;
    this.#act(bytes, start + SIZE_BYTES, start + SIZE_BYTES + size);
    return SIZE_BYTES + size;
  }

  endedEarly(available: number): ProtocolError {
    return this.#endedEarly(available >= SIZE_BYTES);
  }
}
