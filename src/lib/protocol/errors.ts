// Every error of the TCP protocol, once: code, text as clients see it, fatal or not (tcp-protocol 17).
//
// Texts are latin1 strings, one character per byte: what a client sent is echoed byte for byte. The texts of nsqd are kept
// as they are, its slips included ("E_BAD_TOPIC E_BAD_TOPIC", "failed to deleted").

/** Ends the current command; a fatal one ends the connection. */
export class ProtocolError extends Error {
  readonly isFatal: boolean;

  constructor(message: string, isFatal = true) {
    super(message);
    this.name = 'ProtocolError';
    this.isFatal = isFatal;
  }
}

export const E_BAD_PROTOCOL = 'E_BAD_PROTOCOL';

export const invalid = (text: string): ProtocolError => new ProtocolError(`E_INVALID ${text}`);
export const invalidState = (command: string): ProtocolError => invalid(`cannot ${command} in current state`);
export const tlsRequired = (command: string): ProtocolError =>
  invalid(`cannot ${command} in current state (TLS required)`);
export const invalidCommand = (name: string): ProtocolError => invalid(`invalid command ${name}`);
export const invalidMessageId = (): ProtocolError => invalid('invalid message ID');
/** SUB, PUB, MPUB and DPUB say "parameters", FIN, REQ and TOUCH say "params". */
export const tooFewParameters = (command: string): ProtocolError => invalid(`${command} insufficient number of parameters`);
export const tooFewParams = (command: string): ProtocolError => invalid(`${command} insufficient number of params`);

/** `quoted` is the name in Go's quotes (go-quote.ts). MPUB repeats the code. */
export const badTopic = (command: string, quoted: string): ProtocolError =>
  new ProtocolError(`E_BAD_TOPIC ${command === 'MPUB' ? 'E_BAD_TOPIC ' : ''}${command} topic name ${quoted} is not valid`);
export const badChannel = (command: string, quoted: string): ProtocolError =>
  new ProtocolError(`E_BAD_CHANNEL ${command} channel name ${quoted} is not valid`);

export const badBody = (text: string): ProtocolError => new ProtocolError(`E_BAD_BODY ${text}`);
export const badMessage = (text: string): ProtocolError => new ProtocolError(`E_BAD_MESSAGE ${text}`);
export const identifyFailed = (text: string): ProtocolError => new ProtocolError(`E_IDENTIFY_FAILED ${text}`);
export const subscribeFailed = (reason: string): ProtocolError => new ProtocolError(`E_SUB_FAILED SUB failed ${reason}`);
export const publishFailed = (command: string, reason: string): ProtocolError =>
  new ProtocolError(`E_${command}_FAILED ${command} failed ${reason}`);

/** FIN, REQ and TOUCH of a message that is not the client's: the only errors a connection survives. */
export const answerFailed = (command: string, id: string, reason: string): ProtocolError =>
  new ProtocolError(`E_${command}_FAILED ${command} ${id} failed ${reason}`, false);
