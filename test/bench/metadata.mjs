// A data directory that names topics and channels, as either daemon writes and reads it: thousands of them are made in no
// time that way.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function topicNames(count) {
  return Array.from({ length: count }, (_, i) => `topic-${i}`);
}

/** Channels are `channel-0` and so on. */
export function writeMetadata(dataPath, topicCount, channelsPerTopic) {
  const channels = Array.from({ length: channelsPerTopic }, (_, i) => ({ name: `channel-${i}`, paused: false }));
  const topics = topicNames(topicCount).map((name) => ({ name, paused: false, channels }));
  writeFileSync(join(dataPath, 'nsqd.dat'), JSON.stringify({ topics, version: '1.3.0' }));
}
