// Whom the broker tells of its topics and channels, and asks about new ones. The registration with nsqlookupd implements it;
// the broker knows nothing of how.

export interface Announcer {
  /** The topic, or its channel if one is named, is there from now on. Not called for what is loaded at the start. */
  created(topicName: string, channelName: string | null): void;
  /** The topic, or its channel if one is named, is gone. The channels of a deleted topic go one by one before it. */
  deleted(topicName: string, channelName: string | null): void;
  /**
   * The channels that a new topic shall have before its first message flows (engine.md 5.2), or null when there is nobody
   * to ask. Settles within bounded time and never rejects. Names are valid and not ephemeral.
   */
  channelsOf(topicName: string): Promise<readonly string[]> | null;
}

/** A daemon that is known to nobody. */
export const NO_ANNOUNCER: Announcer = {
  created: () => undefined,
  deleted: () => undefined,
  channelsOf: () => null,
};
