// The process: signals and exit codes, the lock on the data directory, a missing one, and a damaged nsqd.dat.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { bodiesOf, drain, numbered } from '../support/consume.js';
import { readTopics, storedMessages, topicMetadataPath, writeQueue } from '../support/data-directory.js';
import { Daemon, isStock, runToExit, sharedDaemon, stockProgram, temporaryDirectory } from '../support/daemon.js';
import { delay, eventually } from '../support/eventually.js';

const ADDRESSES = ['--tcp-address=127.0.0.1:0', '--http-address=127.0.0.1:0'];

class Directory implements Disposable {
  readonly path = temporaryDirectory();

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

describe.concurrent('a signal', () => {
  it.for(['SIGTERM', 'SIGINT'] as const)('%s stops cleanly with status 0', async (signal, { expect }) => {
    await using daemon = await Daemon.start();
    using consumer = await daemon.subscriber('t', 'c', 1);
    using idle = await daemon.connect();
    await daemon.command('/mpub?topic=t', 'a\nb');
    await consumer.nextMessage();
    expect(await daemon.stop(signal)).toEqual({ code: 0, signal: null });
    await consumer.closed();
    await idle.closed();
    expect(consumer.waitingFrames).toEqual([]);
    expect(daemon.output).toContain('NSQ: bye');
    expect(daemon.output.indexOf('NSQ: closing topics')).toBeLessThan(daemon.output.indexOf('NSQ: bye'));
    await expect(daemon.connect()).rejects.toThrow();
    await expect(daemon.get('/ping')).rejects.toThrow();
  });

  it('repeated changes nothing', async ({ expect }) => {
    await using daemon = await Daemon.start();
    await daemon.command('/mpub?topic=t', numbered(5_000).join('\n'));
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) daemon.signal(signal);
    expect(await daemon.exited()).toEqual({ code: 0, signal: null });
    await daemon.restart();
    expect((await daemon.topic('t')).depth).toBe(5_000);
  });

  it('SIGHUP is not handled: the process dies of it', async ({ expect }) => {
    await using daemon = await Daemon.start();
    expect(await daemon.stop('SIGHUP')).toEqual({ code: null, signal: 'SIGHUP' });
  });
});

describe('an ignored signal', () => {
  const daemon = sharedDaemon();

  it.each(['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGWINCH', 'SIGPIPE', 'SIGXCPU'] as const)('%s', async (signal) => {
    using client = await daemon().connect();
    daemon().signal(signal);
    await delay(50);
    await client.publish('t', 'x');
    expect((await daemon().get('/ping')).body).toBe('OK');
    expect(daemon().output).not.toContain('Debugger listening');
  });
});

describe.concurrent('a clean stop', () => {
  it('does not wait for idle HTTP connections or clients that keep sending', async ({ expect }) => {
    await using daemon = await Daemon.start();
    using busy = await daemon.connect();
    const timer = setInterval(() => busy.command('PUB t', 'x'), 1);
    try {
      await busy.expectOk();
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    } finally {
      clearInterval(timer);
    }
  });

  // Stock nsqd waits for such a connection for ever.
  it.skipIf(isStock)('does not wait for a connection that never sent its magic', async ({ expect }) => {
    await using daemon = await Daemon.start();
    using silent = await daemon.connect({ magic: '' });
    using partial = await daemon.connect({ magic: '  V' });
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    for (const client of [silent, partial]) {
      await client.closed();
      expect(client.receivedBytes).toHaveLength(0);
    }
  });

  it('does not wait for a consumer that has stopped reading', async ({ expect }) => {
    await using daemon = await Daemon.start();
    using client = await daemon.subscriber('t', 'c', 2_500);
    client.stopReading();
    for (let index = 0; index < 20; index += 1) {
      await daemon.command('/mpub?topic=t', Array.from({ length: 50 }, () => 'x'.repeat(20_000)).join('\n'));
    }
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await daemon.restart();
    expect((await daemon.topic('t')).depth + (await daemon.channel('t', 'c')).depth).toBe(1_000);
  });
});

describe.concurrent('the command line', () => {
  it('--version prints the version and ends with 0', async ({ expect }) => {
    const { code, output } = await runToExit(['--version']);
    expect(code).toBe(0);
    expect(output).toMatch(/^nsqd v1\.3\.0 \(built w\/.+\)\n$/);
  });

  it('an unknown flag ends with 2', async ({ expect }) => {
    const { code, output } = await runToExit(['--bogus']);
    expect(code).toBe(2);
    expect(output).toMatch(/^flag provided but not defined: -bogus\n/);
  });

  it('a port in use ends with 1', async ({ expect }) => {
    await using daemon = await Daemon.start();
    using directory = new Directory();
    const flags = [`--tcp-address=127.0.0.1:${daemon.tcpPort}`, '--http-address=127.0.0.1:0'];
    const { code, output } = await runToExit([...flags, `--data-path=${directory.path}`]);
    expect(code).toBe(1);
    expect(output).toContain(
      `FATAL: failed to instantiate nsqd - listen (127.0.0.1:${daemon.tcpPort}) failed - ` +
        `listen tcp 127.0.0.1:${daemon.tcpPort}: bind: address already in use`,
    );
  });
});

describe.concurrent('the data directory', () => {
  it('is locked: a second daemon ends with 1 and says why, the first goes on', async ({ expect }) => {
    await using daemon = await Daemon.start();
    const { code, output } = await runToExit([...ADDRESSES, `--data-path=${daemon.dataPath}`]);
    expect(code).toBe(1);
    expect(output).toContain(
      `FATAL: failed to instantiate nsqd - failed to lock data-path: cannot flock directory ${daemon.dataPath} - ` +
        'resource temporarily unavailable (possibly in use by another instance of nsqd)',
    );
    using client = await daemon.connect();
    await client.publish('t', 'x');
  });

  it('is free again after a clean stop and after a crash', async ({ expect }) => {
    await using daemon = await Daemon.start();
    await daemon.stop();
    await daemon.restart();
    await daemon.kill();
    await daemon.restart();
    expect((await daemon.get('/ping')).status).toBe(200);
  });

  it.skipIf(isStock)('is created when it is missing', async ({ expect }) => {
    using directory = new Directory();
    const dataPath = join(directory.path, 'deep', 'er');
    await using daemon = await Daemon.start({ dataPath });
    await daemon.command('/pub?topic=t', 'x');
    await daemon.stop();
    expect(readTopics(dataPath)?.map((topic) => topic.name)).toEqual(['t']);
  });

  it('may have a name with percent signs and blanks', async ({ expect }) => {
    using directory = new Directory();
    const dataPath = join(directory.path, isStock ? 'a b' : 'a b%d%s');
    mkdirSync(dataPath);
    await using daemon = await Daemon.start({ dataPath, flags: ['--mem-queue-size=0'] });
    await daemon.command('/mpub?topic=t', numbered(10).join('\n'));
    expect(bodiesOf(await drain(daemon, 't', 'c'))).toEqual(numbered(10));
  });

  it('that is a file is refused', async ({ expect }) => {
    using directory = new Directory();
    const dataPath = join(directory.path, 'file');
    writeFileSync(dataPath, '');
    const { code, output } = await runToExit([...ADDRESSES, `--data-path=${dataPath}`]);
    expect(code).toBe(1);
    expect(output).toContain('FATAL: ');
  });
});

describe.concurrent('a damaged nsqd.dat', () => {
  const damaged = ['', '{"topics":[{"name":"t"', 'garbage', '[]'];

  it.skipIf(stockProgram === undefined).for(damaged)('%j stops stock nsqd', async (text, { expect }) => {
    using directory = new Directory();
    writeFileSync(topicMetadataPath(directory.path), text);
    const flags = [...ADDRESSES, `--data-path=${directory.path}`];
    const { code, output } = await runToExit(flags, undefined, [stockProgram ?? '']);
    expect(code).toBe(1);
    expect(output).toContain('FATAL: failed to load metadata - failed to parse metadata in ');
  });

  it.skipIf(isStock).for(damaged)('%j is set aside, and the daemon starts', async (text, { expect }) => {
    using directory = new Directory();
    writeFileSync(topicMetadataPath(directory.path), text);
    writeQueue(directory.path, 't:c', [storedMessages(numbered(3))]);
    await using daemon = await Daemon.start({ dataPath: directory.path });
    await daemon.command('/pub?topic=t', 'new');
    await eventually(() => expect(readTopics(directory.path)?.map((topic) => topic.name)).toContain('t'));
    const others = readdirSync(directory.path).filter((name) => name !== 'nsqd.dat' && !name.includes('.diskqueue.'));
    const kept = others.filter((name) => existsSync(join(directory.path, name)));
    const texts = kept.map((name) => safeText(join(directory.path, name)));
    expect(texts, `${kept}`).toContain(text);
    expect(bodiesOf(await drain(daemon, 't', 'c')).toSorted()).toEqual([...numbered(3), 'new']);
  });
});

/** Directories and unreadable files have no text. */
function safeText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
