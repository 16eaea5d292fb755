// What one client may do: the secret of its AUTH, the answer it got, and until when that answer counts (tcp-protocol
// 10.4). An answer is not refreshed by itself; who needs one that has expired asks again.

import type { AuthAnswer, Permission } from './auth-answer.js';
import type { AuthServers, Requester } from './auth-servers.js';

const MS_PER_SECOND = 1000;
const DECISIONS_KEPT_MAX = 1000;
const NO_SECRET = Buffer.alloc(0);

export class ClientAuth {
  readonly #servers: AuthServers;
  readonly #abort = new AbortController();
  #secret: Buffer = NO_SECRET;
  #answer: AuthAnswer | null = null;
  /** Monotonic milliseconds. */
  #expiresMs = 0;
  /** Decisions made by the current answer: clients ask for the same few names again and again. */
  readonly #decisions = new Map<string, boolean>();

  constructor(servers: AuthServers) {
    this.#servers = servers;
  }

  /** True once an answer held at least one authorization. */
  get isAuthorized(): boolean {
    return this.authorizationCount > 0;
  }

  get isExpired(): boolean {
    return this.#servers.clock.monotonicMs() > this.#expiresMs;
  }

  get identity(): string {
    return this.#answer?.identity ?? '';
  }

  get identityUrl(): string {
    return this.#answer?.identityUrl ?? '';
  }

  get authorizationCount(): number {
    return this.#answer?.authorizations.length ?? 0;
  }

  /** Asks with the secret of AUTH. Rejects with the servers' reasons, and leaves the former answer as it was. */
  async logIn(secret: Buffer, requester: Requester): Promise<void> {
    this.#secret = secret;
    await this.renew(requester);
  }

  /** Asks again with the same secret; the new answer replaces the former. */
  async renew(requester: Requester): Promise<void> {
    const answer = await this.#servers.query(requester, this.#secret, this.#abort.signal);
    this.#answer = answer;
    this.#expiresMs = this.#servers.clock.monotonicMs() + answer.ttlSeconds * MS_PER_SECOND;
    this.#decisions.clear();
  }

  /** `channelName` is '' for publishing. */
  allows(permission: Permission, topicName: string, channelName: string): boolean {
    const key = `${permission} ${topicName} ${channelName}`;
    const known = this.#decisions.get(key);
    if (known !== undefined) return known;
    const entries = this.#answer?.authorizations ?? [];
    const isAllowed = entries.some((entry) => entry.allows(permission, topicName, channelName));
    if (this.#decisions.size >= DECISIONS_KEPT_MAX) this.#decisions.clear();
    this.#decisions.set(key, isAllowed);
    return isAllowed;
  }

  /** The client has gone: nobody waits for an answer any more. */
  cancel(): void {
    this.#abort.abort();
  }
}
