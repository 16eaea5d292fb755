// How a running daemon leaves: asked to by a signal or by the program around it, or because it was drained over HTTP.
//
//   running --terminate, mode drain--> draining --drained, terminate again, stop--> stopping --> ended
//      \-----terminate, mode stop; stop-----------------------------------------------^

import type { Nsqd } from './nsqd.js';
import type { Options } from './options.js';

export class Departure {
  /** Settles once, as `Nsqd.stop` does: false when not everything could be written. */
  readonly ended: Promise<boolean>;
  readonly #nsqd: Nsqd;
  readonly #drainsFirst: boolean;
  #drainsByRequest = false;
  #isStopping = false;
  #settle: (stopped: Promise<boolean>) => void = () => undefined;

  constructor(nsqd: Nsqd, sigtermMode: Options['sigtermMode']) {
    this.#nsqd = nsqd;
    this.#drainsFirst = sigtermMode === 'drain';
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    nsqd.onDrained = () => this.stop();
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** What SIGTERM asks for: the clean stop, or draining before it. Asked again while it drains, it stops. */
  terminate(): void {
    if (!this.#drainsFirst || (this.#drainsByRequest && this.#nsqd.isDraining)) return this.stop();
    this.#drainsByRequest = true;
    this.#nsqd.drain();
  }

  /** The clean stop, without draining. Does nothing while it is under way. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#settle(this.#nsqd.stop());
  }
}
