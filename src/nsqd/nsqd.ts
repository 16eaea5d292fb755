// The daemon as an object: builds everything in the order in which it depends on each other, and takes it down in the
// reverse. The command line (main.ts) runs one; programs may embed several (embedded.ts).

import { joinHostPort } from '../lib/http/address.js';
import { Logger } from '../lib/log/logger.js';
import { Tally } from '../lib/metrics/tally.js';
import type { TlsIdentity } from '../lib/net/tls-identity.js';
import { TlsRequired } from '../lib/options/tls-types.js';
import { SYSTEM_CLOCK } from '../lib/time/clock.js';
import { authServersOf } from './auth/auth-servers.js';
import { Broker } from './broker/broker.js';
import { NO_OBSERVER, observed } from './broker/observer.js';
import type { Observer } from './broker/observer.js';
import { HttpApi } from './http/api.js';
import { HttpServer } from './http/server.js';
import { TokenFile } from './http/token-file.js';
import { Lookup } from './lookup/lookup.js';
import type { Options } from './options.js';
import { serverTlsOf } from './server-tls.js';
import { StartError } from './start-error.js';
import { latencyMeterOf } from './stats/latency.js';
import type { LatencyMeter } from './stats/latency.js';
import { EventLoopMonitor } from './stats/event-loop.js';
import { MemoryMonitor } from './stats/memory.js';
import { Metrics } from './stats/metrics.js';
import { LATENCY_OFF, takeSnapshot } from './stats/snapshot.js';
import { StatsdPusher } from './stats/statsd.js';
import type { StatsdSample } from './stats/statsd-lines.js';
import { DataDirectory } from './storage/data-directory.js';
import { flushesAtOnceMax } from './storage/flush-lane.js';
import { lockDirectory } from './storage/dir-lock.js';
import type { DirectoryLock } from './storage/dir-lock.js';
import { MeasuredFileSystem } from './storage/measured-file-system.js';
import { NodeFileSystem } from './storage/node-file-system.js';
import { TcpServer } from './tcp/server.js';
import { NSQD_VERSION, VERSION_LINE } from './version.js';

export class Nsqd {
  /** As effective: some values are known only once the daemon listens. */
  #options: Options;
  readonly #logger: Logger;
  readonly #broker: Broker;
  readonly #lookup: Lookup;
  readonly #tcp: TcpServer;
  readonly #tls: TlsIdentity | null;
  readonly #tokens: TokenFile | null;
  readonly #http: HttpServer | null;
  readonly #https: HttpServer | null;
  readonly #memory = new MemoryMonitor();
  readonly #eventLoop = new EventLoopMonitor();
  readonly #tcpErrors = new Tally(['E_INVALID', 'E_PUB_FAILED', 'E_MPUB_FAILED', 'E_DPUB_FAILED']);
  readonly #httpErrors = new Tally(['EXITING', 'INTERNAL_ERROR']);
  readonly #metrics: Metrics;
  readonly #latencies: LatencyMeter | null;
  readonly #statsd: StatsdPusher | null;
  readonly #startTimeMs = Date.now();
  #phase: 'starting' | 'running' | 'stopping' = 'starting';
  #lock: DirectoryLock | null = null;
  #stopped: Promise<boolean> | null = null;
  /** Called once when draining has ended, whoever began it. Unless it is replaced, the daemon stops. */
  onDrained: () => void = () => void this.stop();

  private constructor(options: Options, logger: Logger, tls: TlsIdentity | null, observer: Observer) {
    this.#options = options;
    this.#logger = logger;
    this.#tokens = loadTokens(options, logger);
    const fileSystem = new MeasuredFileSystem();
    const directory = new DataDirectory(options.dataPath, fileSystem, flushesAtOnceMax(options.durability));
    this.#latencies = latencyMeterOf(options, SYSTEM_CLOCK);
    const newLatencyRecorder = this.#latencies === null ? null : this.#latencies.newRecorder.bind(this.#latencies);
    this.#broker = new Broker({
      options, logger, clock: SYSTEM_CLOCK, directory, version: NSQD_VERSION, newLatencyRecorder,
    });
    this.#lookup = new Lookup({ logger, clock: SYSTEM_CLOCK, broker: this.#broker });
    this.#broker.announcer = observed(this.#lookup, observer);
    this.#broker.onHealthChange = (reason) => observer.healthChanged(reason);
    this.#broker.drain.onChange = (isOn) => (isOn ? this.#lookup.leave() : this.#lookup.comeBack());
    this.#broker.drain.onEnded = () => this.onDrained();
    const authServers = authServersOf(options, SYSTEM_CLOCK);
    this.#tcp = new TcpServer({ options, logger, broker: this.#broker, tls, authServers, errors: this.#tcpErrors });
    this.#tls = tls;
    this.#metrics = this.#newMetrics(fileSystem, directory.path);
    const api = this.#newHttpApi();
    this.#https = tls === null || options.httpsAddress === '' ? null : this.#newHttpServer(api, tls);
    this.#http = options.httpAddress === '' ? null : this.#newHttpServer(api, null);
    this.#statsd = options.statsdAddress === '' ? null : this.#newStatsdPusher();
  }

  /** Rejects with StartError when it cannot run. */
  static async start(
    options: Options, logger: Logger = newLogger(options), observer: Observer = NO_OBSERVER,
  ): Promise<Nsqd> {
    const nsqd = new Nsqd(options, logger, loadTls(options, logger), observer);
    try {
      await nsqd.#start();
      return nsqd;
    } catch (error) {
      await nsqd.#abandon();
      throw error;
    }
  }

  /** Where it listens, as the log has it; null without such a listener. */
  get addresses(): { readonly tcp: string; readonly http: string | null; readonly https: string | null } {
    return { tcp: this.#tcp.address, http: this.#http?.address ?? null, https: this.#https?.address ?? null };
  }

  /** Bound TCP port; -1 on a unix socket. */
  get tcpPort(): number {
    return this.#tcp.port;
  }

  /** Bound HTTP port; -1 on a unix socket, 0 without HTTP. */
  get httpPort(): number {
    return this.#http?.port ?? 0;
  }

  /** Bound HTTPS port; 0 without HTTPS. */
  get httpsPort(): number {
    return this.#https?.port ?? 0;
  }

  /**
   * Refuses publishes and leaves the nsqlookupds; consumers stay until they have taken everything, at most as long as
   * `--drain-timeout`. Then `onDrained` is called. Does nothing while it is under way.
   */
  drain(): void {
    this.#broker.drain.start(this.#options.drainTimeoutMs);
  }

  /** True from `drain` on, unless it was taken back over HTTP. */
  get isDraining(): boolean {
    return this.#broker.drain.isOn;
  }

  /**
   * The clean stop, once for all who ask. False when not everything could be written; what was acknowledged is then still on
   * disk.
   */
  stop(): Promise<boolean> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<boolean> {
    this.#phase = 'stopping';
    // First, so that no consumer is sent here any more.
    this.#lookup.close();
    this.#broker.prepareStop();
    this.#logger.info(`TCP: closing ${this.#tcp.address}`);
    this.#tcp.close();
    this.#http?.stopListening();
    this.#https?.stopListening();
    this.#tls?.stopWatching();
    this.#tokens?.stopWatching();
    const isComplete = await this.#broker.stop();
    this.#logger.info('NSQ: stopping subsystems');
    this.#logger.info('LOOKUP: closing');
    await this.#statsd?.stop();
    await this.#http?.close();
    await this.#https?.close();
    this.#memory.stop();
    this.#eventLoop.stop();
    this.#lock?.release();
    this.#logger.info('NSQ: bye');
    return isComplete;
  }

  async #start(): Promise<void> {
    this.#lockDataPath();
    this.#logger.info(VERSION_LINE);
    this.#logger.info(`ID: ${this.#options.nodeId}`);
    this.#memory.start();
    this.#load();
    await this.#listen(this.#tcp, this.#options.tcpAddress);
    if (this.#http !== null) await this.#listen(this.#http, this.#options.httpAddress);
    if (this.#https !== null) await this.#listen(this.#https, this.#options.httpsAddress);
    this.#tls?.startWatching();
    this.#tokens?.startWatching();
    this.#options = withBoundPorts(this.#options, this.tcpPort, this.httpPort);
    this.#lookup.start(this.#options);
    this.#statsd?.start();
    this.#phase = 'running';
  }

  /** Why clients should be sent elsewhere for now; empty when all is well. */
  #unreadyReasons(): string[] {
    const error = this.#broker.healthError();
    const phase = this.#phase === 'running' && this.isDraining ? 'draining' : this.#phase;
    return [...(phase === 'running' ? [] : [phase]), ...(error === null ? [] : [error])];
  }

  /** DEVIATION(data-path-created): a data path that does not exist is created; stock nsqd refuses to start. */
  #lockDataPath(): void {
    const path = this.#options.dataPath === '' ? '.' : this.#options.dataPath;
    try {
      new NodeFileSystem().makeDirectory(path);
    } catch (error) {
      throw new StartError(`failed to lock data-path: ${(error as Error).message}`, error);
    }
    const result = lockDirectory(path);
    if (result.kind === 'refused') throw new StartError(`failed to lock data-path: ${result.reason}`);
    if (result.kind === 'locked') this.#lock = result.lock;
    else this.#logger.warn(`no program to lock ${path} (flock, perl or python3): nothing keeps a second nsqd out`);
  }

  #load(): void {
    try {
      this.#broker.start();
    } catch (error) {
      throw new StartError(`failed to load data-path: ${(error as Error).message}`, error);
    }
  }

  async #listen(server: TcpServer | HttpServer, address: string): Promise<void> {
    try {
      await server.listen(address);
    } catch (error) {
      throw new StartError(`listen (${address}) failed - ${(error as Error).message}`, error);
    }
  }

  async #abandon(): Promise<void> {
    this.#lookup.close();
    this.#tcp.close();
    await this.#http?.close();
    await this.#https?.close();
    this.#tls?.stopWatching();
    this.#tokens?.stopWatching();
    this.#broker.alarmClock.stop();
    this.#memory.stop();
    this.#eventLoop.stop();
    this.#lock?.release();
  }

  #newStatsdPusher(): StatsdPusher {
    return new StatsdPusher({
      options: () => this.#options,
      logger: this.#logger,
      clock: SYSTEM_CLOCK,
      alarmClock: this.#broker.alarmClock,
      sample: () => this.#statsdSample(),
    });
  }

  #statsdSample(): StatsdSample {
    const filter = { topic: '', channel: '', includeClients: false };
    const { topics } = takeSnapshot(this.#broker, [], filter, this.#latencies ?? LATENCY_OFF);
    return { topics: topics ?? [], memory: this.#options.statsdMemStats ? this.#memory.sample() : null };
  }

  #newMetrics(fileSystem: MeasuredFileSystem, path: string): Metrics {
    return new Metrics({
      version: NSQD_VERSION,
      durability: this.#options.durability,
      entriesMax: this.#options.maxMetricsEntries,
      startTimeMs: this.#startTimeMs,
      broker: this.#broker,
      disk: fileSystem.measures,
      freeBytes: () => fileSystem.freeBytes(path),
      eventLoop: this.#eventLoop,
      memory: this.#memory,
      latencies: this.#latencies ?? LATENCY_OFF,
      connections: () => this.#tcp.counts,
      tcpErrors: this.#tcpErrors,
      httpErrors: this.#httpErrors,
      unreadyReasons: () => this.#unreadyReasons(),
    });
  }

  #newHttpServer(api: HttpApi, tls: TlsIdentity | null): HttpServer {
    const isRefused = tls === null && this.#options.tlsRequired === TlsRequired.yes;
    return new HttpServer(api, this.#logger, { tls, httpsPortInstead: isRefused ? () => this.httpsPort : null });
  }

  #newHttpApi(): HttpApi {
    const currentOptions = (): Options => this.#options;
    return new HttpApi({
      broker: this.#broker,
      get options() {
        return currentOptions();
      },
      logger: this.#logger,
      memory: this.#memory,
      latencies: this.#latencies,
      version: NSQD_VERSION,
      versionLine: VERSION_LINE,
      startTimeMs: this.#startTimeMs,
      tcpPort: () => this.tcpPort,
      httpPort: () => this.httpPort,
      tokens: this.#tokens,
      metrics: () => this.#metrics.text(),
      errors: this.#httpErrors,
      unreadyReasons: () => this.#unreadyReasons(),
      clients: () => this.#tcp.connections(),
      onLookupdAddresses: (addresses) => this.#lookup.setAddresses(addresses),
    });
  }
}

function loadTls(options: Options, logger: Logger): TlsIdentity | null {
  try {
    return serverTlsOf(options, logger);
  } catch (error) {
    throw new StartError((error as Error).message, error);
  }
}

function loadTokens({ httpAuthTokenFile: path }: Options, logger: Logger): TokenFile | null {
  if (path === '') return null;
  try {
    return new TokenFile(path, logger);
  } catch (error) {
    throw new StartError(`failed to load --http-auth-token-file - ${(error as Error).message}`, error);
  }
}

/** Broadcast ports and the statsd prefix follow from what the listeners are bound to (http-api 10.2, options.md 5.3). */
function withBoundPorts(options: Options, tcpPort: number, httpPort: number): Options {
  const broadcastTcpPort = options.broadcastTcpPort === 0 ? Math.max(tcpPort, 0) : options.broadcastTcpPort;
  const broadcastHttpPort = options.broadcastHttpPort === 0 ? Math.max(httpPort, 0) : options.broadcastHttpPort;
  const hostKey = joinHostPort(options.broadcastAddress, broadcastHttpPort).replaceAll(/[.:]/g, '_');
  const expanded = options.statsdPrefix.replaceAll('%s', hostKey);
  const statsdPrefix = expanded === '' || expanded.endsWith('.') ? expanded : `${expanded}.`;
  return Object.freeze({ ...options, broadcastTcpPort, broadcastHttpPort, statsdPrefix });
}

export function newLogger(options: Pick<Options, 'logPrefix' | 'logLevel'>): Logger {
  return new Logger({ prefix: options.logPrefix, level: options.logLevel });
}
