// The one way in which starting a daemon fails.

/** Start-up failed; the message is nsqd's, without its `failed to instantiate nsqd - `. */
export class StartError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StartError';
  }
}
