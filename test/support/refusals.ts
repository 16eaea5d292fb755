// Publishes on a disk that refuses them: every way to publish is asked, and each must tell the true reason.

import { expect } from 'vitest';

import { command, messageList } from './bytes.js';
import type { Daemon } from './daemon.js';

/** More than the free part of a file's last page, so that no publish fits by chance. */
const REFUSED_BYTES = 20_000;

/** A body that tests recognise as one that was refused. */
export function refusedBody(name: string): string {
  return `refused ${name} `.padEnd(REFUSED_BYTES, 'x');
}

/** Publishes to the topic by PUB, DPUB, MPUB, POST /pub and POST /mpub; all are refused for `reason`. */
export async function expectRefused(daemon: Daemon, topic: string, reason: RegExp): Promise<void> {
  const attempts = [
    command(`PUB ${topic}`, refusedBody('PUB')),
    command(`DPUB ${topic} 50`, refusedBody('DPUB')),
    command(`MPUB ${topic}`, messageList([refusedBody('MPUB 1'), 'refused small', refusedBody('MPUB 2')])),
  ];
  for (const attempt of attempts) {
    using client = await daemon.connect(); // A refusal ends the connection, as in stock nsqd.
    client.write(attempt);
    const error = await client.nextError();
    expect(error).toMatch(/^E_D?M?PUB_FAILED /);
    expect(error).toMatch(reason);
  }
  for (const path of ['/pub', '/mpub']) {
    const answer = await daemon.post(`${path}?topic=${topic}`, refusedBody(path));
    expect(answer.status, path).toBe(503);
    expect(answer.body, path).toMatch(reason);
  }
}

/** `/ping` and `/stats` say that something is wrong, and what. */
export async function expectUnhealthy(daemon: Daemon, reason: RegExp): Promise<void> {
  const ping = await daemon.get('/ping');
  expect(ping.status).toBe(500);
  expect(ping.body).toMatch(/^NOK - /);
  expect(ping.body).toMatch(reason);
  expect((await daemon.stats()).health).toMatch(reason);
  expect((await daemon.get('/stats')).body).toMatch(reason);
}

export async function expectHealthy(daemon: Daemon): Promise<void> {
  expect(await daemon.get('/ping')).toEqual({ status: 200, body: 'OK' });
  expect((await daemon.stats()).health).toBe('OK');
}
