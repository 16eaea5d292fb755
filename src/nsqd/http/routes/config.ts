// GET and PUT /config/:opt (http-api 5.7), and /config/drain, which is no option but a state of the daemon. Options are named by their config-file keys; which of them can be changed at
// run time, and from what text, is the business of the option table. The changed options live here, in memory only.

import type { BodyEnd } from '../../../lib/http/request-body.js';
import { lastSegment } from '../../../lib/http/router.js';
import { parseGoBool } from '../../../lib/options/go-bool.js';
import { goJsonText } from '../../../lib/protocol/go-json.js';
import { isSettable, type Options, optionValueForConfigEndpoint, withConfigValue } from '../../options.js';
import type { HttpContext } from '../context.js';
import { type EndpointRoute, logged } from '../endpoint.js';
import type { Exchange } from '../exchange.js';
import {
  EXITING, INTERNAL_ERROR, INVALID_OPTION, INVALID_VALUE, INVALID_VALUE_SIZE, sendError, sendJson, sendText,
} from '../response.js';

const DRAIN_KEY = 'drain';

/** Routes of one daemon. */
export function configRoutes(context: HttpContext): readonly EndpointRoute[] {
  const config = new RuntimeConfig(context);
  return [
    logged('GET', '/config/:opt', (_, exchange) => config.show(exchange, optionKey(exchange))),
    logged('PUT', '/config/:opt', (_, exchange) => {
      exchange.collectBody(context.options.maxMsgSize, (bytes, end) => config.put(exchange, bytes, end));
    }),
  ];
}

class RuntimeConfig {
  readonly #context: HttpContext;
  /** What PUT has changed since the start. */
  #changes: Partial<Options> = {};
  /** Lists that were set to JSON's null: they are empty, but read back as null. */
  readonly #nullKeys = new Set<string>();

  constructor(context: HttpContext) {
    this.#context = context;
  }

  /** The daemon's options, some of which are known only once it listens, with the changes. */
  #current(): Options {
    return { ...this.#context.options, ...this.#changes };
  }

  show(exchange: Exchange, key: string): void {
    if (key === DRAIN_KEY) return sendJson(exchange, String(this.#context.broker.drain.isOn));
    const value = optionValueForConfigEndpoint(this.#current(), key);
    if (value === undefined) sendError(exchange, INVALID_OPTION);
    else if (this.#nullKeys.has(key)) sendJson(exchange, 'null');
    else if (typeof value === 'string') sendText(exchange, value);
    else sendJson(exchange, goJsonText(value));
  }

  /** DEVIATION(config-put-is-atomic): a refused value changes nothing, where stock nsqd may keep the first elements of a bad list. */
  put(exchange: Exchange, bytes: Buffer, end: BodyEnd): void {
    if (end === 'failed') return sendError(exchange, INTERNAL_ERROR);
    if (end === 'overflow' || bytes.length === 0) return sendError(exchange, INVALID_VALUE_SIZE);
    const key = optionKey(exchange);
    if (key === DRAIN_KEY) return this.#putDrain(exchange, bytes.toString('utf8'));
    if (!isSettable(key)) return sendError(exchange, INVALID_OPTION);
    const text = bytes.toString('utf8');
    const options = withConfigValue(this.#current(), key, text);
    if (options === undefined) return sendError(exchange, INVALID_VALUE);
    if (text.trim() === 'null') this.#nullKeys.add(key);
    else this.#nullKeys.delete(key);
    this.#apply(options);
    this.show(exchange, key);
  }

  /** `true` begins, or goes on; `false` takes it back, unless the daemon is leaving already. */
  #putDrain(exchange: Exchange, text: string): void {
    const isOn = parseSwitch(text.trim());
    const { broker, options } = this.#context;
    if (isOn === null) return sendError(exchange, INVALID_VALUE);
    if (broker.isExiting || (!isOn && !broker.drain.cancel())) return sendError(exchange, EXITING);
    if (isOn) broker.drain.start(options.drainTimeoutMs);
    this.show(exchange, DRAIN_KEY);
  }

  #apply(options: Options): void {
    const previous = this.#current();
    const { logLevel, nsqlookupdTcpAddresses } = options;
    this.#changes = { logLevel, nsqlookupdTcpAddresses };
    if (options.logLevel !== previous.logLevel) this.#context.logger.setLevel(options.logLevel);
    if (options.nsqlookupdTcpAddresses !== previous.nsqlookupdTcpAddresses) {
      this.#context.onLookupdAddresses(options.nsqlookupdTcpAddresses);
    }
  }
}

/** A boolean in the forms of the flags, or `on` and `off`; null for anything else. */
function parseSwitch(text: string): boolean | null {
  if (text === 'on' || text === 'off') return text === 'on';
  const value = parseGoBool(text);
  return value.ok ? value.value : null;
}

function optionKey(exchange: Exchange): string {
  return lastSegment(exchange.target.path ?? '');
}
