// What one nsqlookupd has yet to be told over its present connection, at most one thing per topic and channel. Told
// late is told right: what came and went meanwhile is not told at all, so the list is never longer than what exists now
// plus what was told before.

/** The object of REGISTER and UNREGISTER, as on the wire: `<topic>` or `<topic> <channel>`. */
export type RegistrationName = string;

/** What is to be told of a name. `renew`: the object the server knows is gone, and there is a new one of that name. */
type Outstanding = 'register' | 'unregister' | 'renew';

export function registrationName(topicName: string, channelName: string | null): RegistrationName {
  return channelName === null ? topicName : `${topicName} ${channelName}`;
}

export class Announcements {
  readonly #outstanding = new Map<RegistrationName, Outstanding>();
  /** Walks the map while it changes; starting over for each command would step over all that was deleted. */
  #order: Iterator<[RegistrationName, Outstanding]> | null = null;

  created(name: RegistrationName): void {
    this.#outstanding.set(name, this.#outstanding.get(name) === 'unregister' ? 'renew' : 'register');
  }

  deleted(name: RegistrationName): void {
    if (this.#outstanding.get(name) === 'register') this.#outstanding.delete(name);
    else this.#outstanding.set(name, 'unregister');
  }

  /** Takes the next command, without its newline, oldest first; null when everything has been told. */
  next(): string | null {
    const entry = this.#nextEntry();
    if (entry === null) return null;
    const [name, outstanding] = entry;
    this.#outstanding.delete(name);
    if (outstanding === 'register') return `REGISTER ${name}`;
    if (outstanding === 'renew') this.#outstanding.set(name, 'register');
    return `UNREGISTER ${name}`;
  }

  #nextEntry(): [RegistrationName, Outstanding] | null {
    if (this.#outstanding.size === 0) return null;
    this.#order ??= this.#outstanding.entries();
    let { done, value } = this.#order.next();
    if (done === true) {
      // An iterator that has seen the end does not see what was added since.
      this.#order = this.#outstanding.entries();
      ({ done, value } = this.#order.next());
    }
    return done === true ? null : value;
  }

  clear(): void {
    this.#outstanding.clear();
    this.#order = null;
  }
}
