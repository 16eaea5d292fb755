// A temporary data directory to build fixtures in, with topic `t` and channel `c` listed in its nsqd.dat.

import { rmSync } from 'node:fs';

import { type ChannelEntry, type TopicEntry, writeTopics } from './data-directory.js';
import { Daemon, temporaryDirectory } from './daemon.js';

export const FIXTURE_CHANNELS: readonly ChannelEntry[] = [{ name: 'c', paused: false }];
export const FIXTURE_TOPICS: readonly TopicEntry[] = [{ name: 't', paused: false, channels: FIXTURE_CHANNELS }];

/** Removed when it goes out of scope. */
export class FixtureDirectory implements Disposable {
  readonly path = temporaryDirectory();

  constructor() {
    writeTopics(this.path, FIXTURE_TOPICS);
  }

  start(flags: readonly string[] = []): Promise<Daemon> {
    return Daemon.start({ dataPath: this.path, flags });
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
