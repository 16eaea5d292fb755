// Why a topic did not take a message. The text reaches clients behind `E_PUB_FAILED PUB failed `.

export class PublishError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'PublishError';
  }
}
