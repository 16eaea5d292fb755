// The bearer tokens of an HTTP API, one a line in a file: whoever shows one of them is let in. More than one lets them be
// changed without a gap. The file is read again when it changes; a file that cannot be used leaves those in use.
//
// Tokens are never shown: neither in the log nor in an error.

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Logger } from '../../lib/log/logger.js';
import { FileWatch } from '../../lib/net/file-watch.js';

const WATCH_INTERVAL_MS = 2000;
/** The bit of a file's mode; a group may be who is meant to read it. */
const READABLE_BY_OTHERS = 0o004;
/** What a header can carry without being quoted or cut: printable ASCII without blanks. */
const TOKEN = /^[\x21-\x7e]+$/;
const CREDENTIALS = /^bearer +([\x21-\x7e]+)$/i;

export class TokenFile {
  readonly #path: string;
  readonly #logger: Logger;
  /** Digests, all of one length, so that comparing them takes the same time whatever is asked. */
  #digests: readonly Buffer[];
  #watch: FileWatch | null = null;

  /** Throws Error with a text that names the file. */
  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
    this.#digests = readDigests(path);
    this.#warnIfOpen();
  }

  /** Whether the value of an `Authorization` header shows a token of the file. */
  admits(authorization: string | undefined): boolean {
    const token = CREDENTIALS.exec(authorization ?? '')?.[1];
    if (token === undefined) return false;
    const shown = digestOf(token);
    let isKnown = false;
    // All of them, also behind the right one.
    for (const digest of this.#digests) isKnown = timingSafeEqual(digest, shown) || isKnown;
    return isKnown;
  }

  startWatching(intervalMs = WATCH_INTERVAL_MS): void {
    this.#watch = new FileWatch([this.#path], intervalMs, () => this.#reload());
  }

  stopWatching(): void {
    this.#watch?.stop();
  }

  #warnIfOpen(): void {
    const mode = statSync(this.#path).mode & 0o777;
    if ((mode & READABLE_BY_OTHERS) === 0) return;
    this.#logger.warn(`HTTP: ${this.#path} has tokens and can be read by all users (mode ${mode.toString(8)})`);
  }

  #reload(): void {
    try {
      this.#digests = readDigests(this.#path);
      this.#logger.info(`HTTP: loaded ${this.#path} anew`);
      this.#warnIfOpen();
    } catch (error) {
      this.#logger.error(`HTTP: the tokens in use stay - ${(error as Error).message}`);
    }
  }
}

function readDigests(path: string): Buffer[] {
  const tokens = readFileSync(path, 'latin1').split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '');
  if (tokens.length === 0) throw new Error(`${path} has no token`);
  const bad = tokens.findIndex((token) => !TOKEN.test(token));
  if (bad >= 0) throw new Error(`${path} has a token that is not printable ASCII without blanks (token ${bad + 1})`);
  return tokens.map(digestOf);
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token, 'latin1').digest();
}
