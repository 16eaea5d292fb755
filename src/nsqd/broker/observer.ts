// Whom the program around the daemon may put beside it: hears of topics, channels and health, and has no say in them.

import type { Announcer } from './announcer.js';

/** Its calls come from the midst of the broker's work: they must not throw, nor call back. */
export interface Observer {
  /** As Announcer. */
  created(topicName: string, channelName: string | null): void;
  deleted(topicName: string, channelName: string | null): void;
  /** Why messages are refused or disk operations fail from now on; null once all is well again. */
  healthChanged(reason: string | null): void;
}

export const NO_OBSERVER: Observer = {
  created: () => undefined,
  deleted: () => undefined,
  healthChanged: () => undefined,
};

/** The announcer, with an observer who hears the same. */
export function observed(announcer: Announcer, observer: Observer): Announcer {
  return {
    created: (topicName, channelName) => {
      announcer.created(topicName, channelName);
      observer.created(topicName, channelName);
    },
    deleted: (topicName, channelName) => {
      announcer.deleted(topicName, channelName);
      observer.deleted(topicName, channelName);
    },
    channelsOf: (topicName) => announcer.channelsOf(topicName),
  };
}
