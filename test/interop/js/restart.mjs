// The restart check: a backlog nobody consumed yet, and a writer and two readers at work while the daemon goes away and
// comes back. Every publish that was answered must arrive; what was in flight may arrive twice.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { Inbox, createChannel, publish, requestRestart } from './clients.mjs';

const PUBLISHED_EACH_SIDE = 500; // before the restart, and after it

export async function checkRestart(writer) {
  const backlogTopic = 'js-restart-backlog';
  const liveTopic = 'js-restart-live';
  const backlog = Array.from({ length: PUBLISHED_EACH_SIDE }, (_, i) => `backlog ${i}`);
  await createChannel(backlogTopic);
  await publish(writer, backlogTopic, backlog);

  await createChannel(liveTopic);
  const live = new Inbox();
  await live.subscribe(liveTopic, { maxInFlight: 20 });
  await live.subscribe(liveTopic, { maxInFlight: 20 });
  const { published, refused } = await publishAcrossRestart(writer, liveTopic);
  assert(refused > 0, 'no publish failed: the daemon was never away');
  const repeated = await consumeAtLeastOnce(live, published);

  const backlogInbox = new Inbox();
  await backlogInbox.subscribe(backlogTopic, { maxInFlight: 20 });
  await backlogInbox.consumeExactly(new Set(backlog));
  return `${published} live (${refused} refused and repeated, ${repeated} delivered again), ${backlog.length} of a backlog`;
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

/** Finishes messages until "live 0" to "live count-1" are complete; returns how many came again. */
async function consumeAtLeastOnce(inbox, count) {
  const seen = new Set();
  let repeated = 0;
  while (seen.size < count) {
    const message = await inbox.receive();
    const body = message.body.toString();
    if (seen.has(body)) repeated++;
    seen.add(body);
    message.finish();
  }
  return repeated;
}
