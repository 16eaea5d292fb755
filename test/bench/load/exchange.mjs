// Publishes and consumes in step, so that the depth of the channel stays what it was: the consumer holds as many messages
// as its RDY allows, and finishes one for each that was published. The daemon then does the same work whatever the depth,
// and its cost per message can be compared.

import { bodiesOf, publishCommand } from './commands.mjs';
import { FIN_BYTES, writeFin } from './consume.mjs';
import { FRAME_TYPE_MESSAGE, LoadConnection, failOnError, frameEnd, frameType, isHeartbeat } from './connection.mjs';

const ID_OFFSET = 18;

/** job: address, topic, channel (with at least rdy messages), rdy, window and messagesPerCommand (MPUB), bodyBytes, warmupMs, measureMs. */
export async function exchange(job, reporter) {
  const { address, topic, channel, rdy, window, messagesPerCommand, bodyBytes, warmupMs, measureMs } = job;
  const [publisher, consumer] = await LoadConnection.openAll(2, address);
  await consumer.subscribe(topic, channel);
  const command = publishCommand(topic, bodiesOf('x', bodyBytes, messagesPerCommand));
  const held = new HeldFins(rdy);

  let sent = 0; // messages
  let answered = 0;
  let finished = 0;
  let answeredAtBegin = 0;
  let isEnding = false;

  const exchangeHeld = () => {
    const count = Math.min(answered - finished, held.count);
    if (count > 0) consumer.write(held.take(count));
    finished += count;
    if (isEnding && finished === sent) reporter.done({ publishedTotal: sent });
    while (!isEnding && sent - finished < window * messagesPerCommand) {
      sent += messagesPerCommand;
      publisher.write(command);
    }
  };

  const end = () => {
    isEnding = true;
    reporter.end(answered - answeredAtBegin);
  };

  return function start() {
    publisher.start((buffer, at, stop) => {
      for (let next = frameEnd(buffer, at, stop); next >= 0; next = frameEnd(buffer, at, stop)) {
        failOnError(buffer, at, next);
        if (isHeartbeat(buffer, at, next)) publisher.write(Buffer.from('NOP\n'));
        else answered += messagesPerCommand;
        at = next;
      }
      exchangeHeld();
      return at;
    });
    consumer.start((buffer, at, stop) => {
      for (let next = frameEnd(buffer, at, stop); next >= 0; next = frameEnd(buffer, at, stop)) {
        if (frameType(buffer, at) === FRAME_TYPE_MESSAGE) held.add(buffer, at + ID_OFFSET);
        else if (isHeartbeat(buffer, at, next)) consumer.write(Buffer.from('NOP\n'));
        else failOnError(buffer, at, next);
        at = next;
      }
      exchangeHeld();
      return at;
    });
    consumer.write(Buffer.from(`RDY ${rdy}\n`));
    exchangeHeld();
    setTimeout(() => {
      answeredAtBegin = answered;
      reporter.begin();
      setTimeout(end, measureMs);
    }, warmupMs);
  };
}

/** FIN commands of the messages in flight, oldest first: twice as much room as is needed, moved to its front when used up. */
class HeldFins {
  #bytes;
  #begin = 0;
  #end = 0;

  constructor(countMax) {
    this.#bytes = Buffer.alloc(2 * countMax * FIN_BYTES);
  }

  get count() {
    return (this.#end - this.#begin) / FIN_BYTES;
  }

  add(buffer, idAt) {
    if (this.#end === this.#bytes.length) {
      this.#bytes.copyWithin(0, this.#begin, this.#end);
      this.#end -= this.#begin;
      this.#begin = 0;
    }
    writeFin(this.#bytes, this.#end, buffer, idAt);
    this.#end += FIN_BYTES;
  }

  /** A copy, because the socket may keep it. */
  take(count) {
    const begin = this.#begin;
    this.#begin += count * FIN_BYTES;
    return Buffer.from(this.#bytes.subarray(begin, this.#begin));
  }
}
