// Why a topic did not take a message. The text reaches clients behind `E_PUB_FAILED PUB failed `, and over HTTP with status 503.

/** The reason stock nsqd has a word of its own for. */
export const EXITING_REASON = 'exiting';
export const DRAINING_REASON = 'draining';

export class PublishError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'PublishError';
  }
}
