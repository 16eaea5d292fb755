// The restart check: a backlog nobody consumed yet, a message somebody holds, and a writer and two readers at work
// while the daemon goes away and comes back. The backlog must arrive exactly once, the held message again with
// attempts 2, and every live publish that was answered at least once: its FIN may have been lost with the connection.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { publishOne } from './checks.mjs';
import { Inbox, PATIENCE_MS, awaitEmpty, createChannel, publish, requestRestart } from './clients.mjs';

const PUBLISHED_EACH_SIDE = 500; // before the restart, and after it

export async function checkRestart(writer) {
  const backlogTopic = 'js-restart-backlog';
  const liveTopic = 'js-restart-live';
  const backlog = Array.from({ length: PUBLISHED_EACH_SIDE }, (_, i) => `backlog ${i}`);
  await createChannel(backlogTopic);
  await publish(writer, backlogTopic, backlog);
  const { inbox: heldInbox } = await publishOne(writer, 'js-restart-held');

  await createChannel(liveTopic);
  const live = new Inbox();
  await live.subscribe(liveTopic, { maxInFlight: 20 });
  await live.subscribe(liveTopic, { maxInFlight: 20 });
  const consumption = new Consumption(live);
  const { published, refused } = await publishAcrossRestart(writer, liveTopic);
  assert(refused > 0, 'no publish failed: the daemon was never away');
  await consumption.complete(published);
  await awaitEmpty(liveTopic);
  const repeated = await consumption.stop();

  const held = await heldInbox.receive();
  assert.equal(held.attempts, 2, 'attempts of the message held over the restart');
  held.finish();
  const backlogInbox = new Inbox();
  await backlogInbox.subscribe(backlogTopic, { maxInFlight: 20 });
  await backlogInbox.consumeExactly(new Set(backlog));
  return `${published} live (${refused} refused, ${repeated} delivered again), 1 held, ${backlog.length} of a backlog`;
}

/** Publishes "live 0", "live 1" ... one by one and repeats what was not answered OK. */
async function publishAcrossRestart(writer, topic) {
  let refused = 0;
  let published = 0;
  const publishNext = async () => {
    const body = `live ${published}`;
    while (!(await publish(writer, topic, body).then(() => true, () => false))) {
      refused++;
      await sleep(20);
    }
    published++;
  };

  for (let i = 0; i < PUBLISHED_EACH_SIDE; i++) await publishNext();
  let isUp = false;
  const restarted = requestRestart().then(() => (isUp = true));
  while (!isUp) {
    await publishNext();
    await sleep(1); // keeps publishing while the daemon stops, without a flood
  }
  await restarted;
  for (let i = 0; i < PUBLISHED_EACH_SIDE; i++) await publishNext();
  return { published, refused };
}

/** Finishes whatever comes, in the background, and remembers which bodies came. */
class Consumption {
  #seen = new Set();
  #repeated = 0;
  #isStopped = false;
  #ended;

  constructor(inbox) {
    this.#ended = this.#run(inbox);
  }

  /** Waits until `count` different bodies have come. */
  async complete(count) {
    const deadline = Date.now() + PATIENCE_MS;
    while (this.#seen.size < count) {
      assert(Date.now() < deadline, `${this.#seen.size} of ${count} messages of the live topic`);
      await sleep(20);
    }
  }

  /** Returns how many messages came again. */
  async stop() {
    this.#isStopped = true;
    await this.#ended;
    return this.#repeated;
  }

  async #run(inbox) {
    while (!this.#isStopped) {
      const message = await inbox.next(100);
      if (message === undefined) continue;
      const body = message.body.toString();
      if (this.#seen.has(body)) this.#repeated++;
      this.#seen.add(body);
      message.finish();
    }
  }
}
