// What `import ... from 'nsqd-ts'` gives: a daemon inside another program. Nothing here or below it touches what the process
// has once: no signals, no handlers of process events, no exit. Several daemons may run side by side.

import { EventEmitter } from 'node:events';
import { Logger, LogLevel } from '../lib/log/logger.js';
import type { LogLevelName } from '../lib/log/logger.js';
import type { Observer } from './broker/observer.js';
import { Departure } from './departure.js';
import { optionsOf } from './embedded-options.js';
import type { NsqdOptions } from './embedded-options.js';
import { Nsqd as Daemon } from './nsqd.js';
import type { Options } from './options.js';

export type { LogLevelName } from '../lib/log/logger.js';
export type { NsqdOptions, NsqdTopicOptions } from './embedded-options.js';
export { StartError } from './start-error.js';

/** Where a daemon listens: `host:port`, or the path of a unix socket. Null: it does not. */
export interface NsqdAddresses {
  readonly tcp: string;
  readonly http: string | null;
  /** Only with a certificate. */
  readonly https: string | null;
}

/** A line of the daemon's log, of `logLevel` or above. */
export interface LogLine {
  readonly level: LogLevelName;
  readonly message: string;
  /** The line as the command line's daemon writes it, without its end. */
  readonly text: string;
}

/** A topic that was created or deleted; those that are there at the start are not told. */
export interface TopicChange {
  readonly kind: 'created' | 'deleted';
  readonly topic: string;
}

/** A channel that was created or deleted. The channels of a deleted topic go one by one before it. */
export interface ChannelChange extends TopicChange {
  readonly channel: string;
}

/** The events and what their listeners are given. */
export interface NsqdEvents {
  log: [line: LogLine];
  topic: [change: TopicChange];
  channel: [change: ChannelChange];
  /** Messages are refused, or disk operations fail, as /ping tells. */
  unhealthy: [reason: string];
  healthy: [];
  /** It has stopped: asked to by `stop`, or after draining over HTTP. Complete unless something could not be written. */
  stopped: [isComplete: boolean];
}

export type NsqdListener<Event extends keyof NsqdEvents> = (...args: NsqdEvents[Event]) => void;
export type NsqdListeners = { readonly [Event in keyof NsqdEvents]?: NsqdListener<Event> | undefined };

/**
 * Events come in their order, shortly after what they tell of, when the daemon is done with it: a listener may call everything,
 * and what it throws is an uncaught exception of the program, not a failure of the daemon.
 */
class Events {
  readonly #emitter = new EventEmitter();

  constructor(listeners: NsqdListeners) {
    for (const [event, listener] of Object.entries(listeners)) {
      if (listener !== undefined) this.#emitter.on(event, listener as (...args: unknown[]) => void);
    }
  }

  on<Event extends keyof NsqdEvents>(event: Event, listener: NsqdListener<Event>): void {
    this.#emitter.on(event, listener as (...args: unknown[]) => void);
  }

  off<Event extends keyof NsqdEvents>(event: Event, listener: NsqdListener<Event>): void {
    this.#emitter.off(event, listener as (...args: unknown[]) => void);
  }

  emit<Event extends keyof NsqdEvents>(event: Event, ...args: NsqdEvents[Event]): void {
    if (this.#emitter.listenerCount(event) > 0) process.nextTick(() => this.#emitter.emit(event, ...args));
  }
}

export class Nsqd {
  readonly addresses: NsqdAddresses;
  readonly #daemon: Daemon;
  readonly #departure: Departure;
  readonly #events: Events;

  private constructor(daemon: Daemon, options: Options, events: Events) {
    this.#daemon = daemon;
    this.#events = events;
    this.addresses = daemon.addresses;
    this.#departure = new Departure(daemon, options.sigtermMode);
    const tell = (isComplete: boolean): void => this.#events.emit('stopped', isComplete);
    this.#departure.ended.then(tell, () => tell(false));
  }

  /**
   * Starts a daemon and resolves once it listens. The listeners hear what happens from the very start, unlike those added with
   * `on`. Rejects with StartError, in the words of the command line, when an option is wrong, another daemon has the data path,
   * or an address is taken.
   */
  static async start(options: NsqdOptions, listeners: NsqdListeners = {}): Promise<Nsqd> {
    const resolved = optionsOf(options);
    const events = new Events(listeners);
    return new Nsqd(await Daemon.start(resolved, loggerTo(events, resolved), observerTo(events)), resolved, events);
  }

  /**
   * The clean stop, as by SIGTERM: with `sigtermMode: 'drain'` it delivers what is left first, and a second call stops at once.
   * Resolves, for all callers, once everything is on disk and closed: false when not everything could be written.
   */
  stop(): Promise<boolean> {
    if (!this.#departure.isStopping) this.#departure.terminate();
    return this.#departure.ended;
  }

  /** True while publishes are refused, because of `stop` with `sigtermMode: 'drain'` or `PUT /config/drain`. */
  get isDraining(): boolean {
    return this.#daemon.isDraining;
  }

  on<Event extends keyof NsqdEvents>(event: Event, listener: NsqdListener<Event>): this {
    this.#events.on(event, listener);
    return this;
  }

  off<Event extends keyof NsqdEvents>(event: Event, listener: NsqdListener<Event>): this {
    this.#events.off(event, listener);
    return this;
  }
}

const LEVEL_NAMES = new Map(Object.entries(LogLevel).map(([name, level]) => [level, name as LogLevelName]));

function loggerTo(events: Events, { logPrefix, logLevel }: Options): Logger {
  return new Logger({
    prefix: logPrefix,
    level: logLevel,
    write: (line, level, message) => {
      events.emit('log', { level: LEVEL_NAMES.get(level) ?? 'info', message, text: line.trimEnd() });
    },
  });
}

function observerTo(events: Events): Observer {
  const changed = (kind: TopicChange['kind']) => (topic: string, channel: string | null): void => {
    if (channel === null) events.emit('topic', { kind, topic });
    else events.emit('channel', { kind, topic, channel });
  };
  return {
    created: changed('created'),
    deleted: changed('deleted'),
    healthChanged: (reason) => (reason === null ? events.emit('healthy') : events.emit('unhealthy', reason)),
  };
}
