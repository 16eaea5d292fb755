// Messages that consumers fail again and again, over sockets: they move to the dead letter topic, and a kill -9 in the middle
// of it loses none. What decides about topics comes from the config file.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { Client } from '../support/client.js';
import { bodiesOf, drain, numbered } from '../support/consume.js';
import { Daemon, isStock, runToExit, temporaryDirectory } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const COUNT = 2000;

function configFile(text: string): string {
  const path = join(temporaryDirectory(), 'nsqd.cfg');
  writeFileSync(path, text);
  return `--config=${path}`;
}

async function publishAll(daemon: Daemon, topic: string, bodies: readonly string[]): Promise<void> {
  await daemon.command(`/mpub?topic=${topic}`, bodies.join('\n'));
}

/** Gives back what it gets until so many have come. */
async function failMessages(client: Client, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) client.requeue(await client.nextMessage(), 0);
}

describe.skipIf(isStock)('dead letters', () => {
  it('move after so many attempts as the topic allows', async () => {
    const config = configFile(`
      max_attempts = 3
      [topic."patient.*"]
      max_attempts = 5
      dead_letter_topic_suffix = "-failed"
    `);
    await using daemon = await Daemon.start({ flags: [config] });
    for (const [topic, attempts, dead] of [['t', 3, 't.dead'], ['patient.one', 5, 'patient.one-failed']] as const) {
      await publishAll(daemon, topic, ['a', 'b']);
      using client = await daemon.subscriber(topic, 'c', 10);
      await failMessages(client, 2 * attempts);
      await eventually(async () => expect((await daemon.topic(dead)).depth).toBe(2));
      await client.expectQuiet();
      expect(await daemon.channel(topic, 'c')).toMatchObject({
        depth: 0, in_flight_count: 0, deferred_count: 0, requeue_count: 2 * attempts, dead_letter_count: 2,
      });
      const messages = await drain(daemon, dead, 'x');
      expect(bodiesOf(messages).sort()).toEqual(['a', 'b']);
      expect(messages.map((message) => message.attempts)).toEqual([1, 1]);
    }
    expect((await daemon.get('/stats?topic=t')).body).toMatch(/\[c +\] .*msgs: 2 +dead: 2 +e2e%/);
  });

  it('are all in one of the two topics after kill -9', async () => {
    await using daemon = await Daemon.start({ flags: ['--max-attempts=1', '--sync-timeout=20ms'] });
    const bodies = numbered(COUNT);
    await publishAll(daemon, 't', bodies);
    const client = await daemon.subscriber('t', 'c', 100);
    await failMessages(client, COUNT / 2);
    await daemon.kill();
    client.destroy();
    await daemon.restart();
    const left = bodiesOf(await drain(daemon, 't', 'c'));
    const dead = bodiesOf(await drain(daemon, 't.dead', 'x'));
    expect(dead.length).toBeGreaterThan(0);
    expect(left.length).toBeGreaterThan(0);
    expect([...new Set([...left, ...dead])].sort()).toEqual([...bodies].sort());
  });

  it.each([
    [['--max-attempts=-1'], '--max-attempts must be [0,65535]'],
    [['--dead-letter-topic-suffix=#ephemeral'], '--dead-letter-topic-suffix must be 1 to 32 letters, digits, dots'],
    [[configFile('[topic.a]\nmax_tries = 5')], '[topic."a"] has no key max_tries; it may have max_attempts'],
  ])('%j is refused at start', async (flags, text) => {
    const { code, output } = await runToExit(flags);
    expect([code, output]).toEqual([1, expect.stringContaining(text)]);
  });
});
