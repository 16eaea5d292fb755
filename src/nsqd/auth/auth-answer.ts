// What an auth server grants (tcp-protocol 10.3): the checks of its answer, and the decision whether it allows something. An
// answer with anything wrong in it is no answer.

import { GoJsonObject } from '../../lib/protocol/go-json.js';
import { Pattern } from '../../lib/regexp/pattern.js';

export type Permission = 'subscribe' | 'publish';

export class Authorization {
  readonly #permissions: readonly string[];
  readonly #topic: Pattern;
  readonly #channels: readonly Pattern[];

  /** Throws Error for an unknown permission and PatternError for what Go cannot compile. */
  constructor(permissions: readonly string[], topic: string, channels: readonly string[]) {
    for (const each of permissions) {
      if (each !== 'subscribe' && each !== 'publish') throw new Error('unknown permission');
    }
    this.#permissions = permissions;
    this.#topic = new Pattern(topic);
    this.#channels = channels.map((channel) => new Pattern(channel));
  }

  /** The channel of a publish is the empty name: only patterns that match it permit publishing. */
  allows(permission: Permission, topicName: string, channelName: string): boolean {
    return this.#permissions.includes(permission)
      && this.#topic.matches(topicName)
      && this.#channels.some((channel) => channel.matches(channelName));
  }
}

export interface AuthAnswer {
  readonly ttlSeconds: number;
  readonly identity: string;
  readonly identityUrl: string;
  readonly authorizations: readonly Authorization[];
}

/** Reads JSON as Go does. Throws Error if it is not a valid answer; the text of the error tells nothing of what it holds. */
export function parseAuthAnswer(text: string): AuthAnswer {
  const json = new GoJsonObject(text);
  const answer = {
    ttlSeconds: json.integer('ttl'),
    identity: json.string('identity'),
    identityUrl: json.string('identity_url'),
    authorizations: json.objects('authorizations').map(authorizationOf),
  };
  if (answer.ttlSeconds <= 0) throw new Error(`invalid TTL ${answer.ttlSeconds} (must be >0)`);
  return answer;
}

function authorizationOf(json: GoJsonObject): Authorization {
  return new Authorization(json.strings('permissions'), json.string('topic'), json.strings('channels'));
}
