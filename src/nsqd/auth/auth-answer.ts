// What an auth server grants (tcp-protocol 10.3): the checks of its answer, and the decision whether it allows
// something. An answer with anything wrong in it is no answer.

import { GoJsonObject } from '../../lib/protocol/go-json.js';
import { Pattern } from '../../lib/regexp/pattern.js';

export type Permission = 'subscribe' | 'publish';

export class Authorization {
  readonly #permissions: readonly string[];
  readonly #topic: Pattern;
  readonly #channels: readonly Pattern[];

  constructor(permissions: readonly string[], topic: Pattern, channels: readonly Pattern[]) {
    this.#permissions = permissions;
    this.#topic = topic;
    this.#channels = channels;
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

/** Together, as many steps as matching may take for one character: what few servers fill, and no memory runs out of. */
const PATTERNS_SIZE_MAX = 1_000_000;

/** Reads JSON as Go does. Throws Error if it is not a valid answer; the error tells nothing of what it holds. */
export function parseAuthAnswer(text: string): AuthAnswer {
  const json = new GoJsonObject(text);
  const compile = newCompiler();
  const answer = {
    ttlSeconds: json.integer('ttl'),
    identity: json.string('identity'),
    identityUrl: json.string('identity_url'),
    authorizations: json.objects('authorizations').map((entry) => authorizationOf(entry, compile)),
  };
  if (answer.ttlSeconds <= 0) throw new Error(`invalid TTL ${answer.ttlSeconds} (must be >0)`);
  return answer;
}

type Compile = (text: string) => Pattern;

/** For the patterns of one answer. */
function newCompiler(): Compile {
  let size = 0;
  return (text) => {
    const pattern = new Pattern(text);
    size += pattern.size;
    if (size > PATTERNS_SIZE_MAX) throw new Error('patterns too large together');
    return pattern;
  };
}

function authorizationOf(json: GoJsonObject, compile: Compile): Authorization {
  const permissions = json.strings('permissions');
  for (const each of permissions) {
    if (each !== 'subscribe' && each !== 'publish') throw new Error('unknown permission');
  }
  return new Authorization(permissions, compile(json.string('topic')), json.strings('channels').map(compile));
}
