// The package as others get it: packed, installed without a network into an empty project, run by its name, imported, and its
// types compiled. What is compiled in dist/ is packed as it is.

import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Client } from '../support/client.js';
import { isStock } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const run = promisify(execFile);
const ROOT = new URL('../..', import.meta.url).pathname;
const NPM_MS = 120_000;
const COMPILE_MS = 120_000;
const OFFLINE = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund'];

const PROGRAM = `
import { Nsqd, StartError } from 'nsqd-ts';

process.on('uncaughtException', (error) => console.log('uncaught', error.message));
const nsqd = await Nsqd.start({ dataPath: 'embedded' }, { topic: () => { throw new Error('of the listener'); } });
const answer = await fetch('http://' + nsqd.addresses.http + '/pub?topic=t', { method: 'POST', body: 'x' });
console.log(answer.status, await answer.text());
await Nsqd.start({ dataPath: 'embedded' }).catch((error) => console.log(error instanceof StartError));
console.log(await nsqd.stop());
`;

const TYPED_PROGRAM = `
import { Nsqd, StartError } from 'nsqd-ts';
import type { LogLine, NsqdAddresses, NsqdOptions } from 'nsqd-ts';

const options: NsqdOptions = {
  dataPath: '/tmp/x', tcpAddress: '127.0.0.1:0', msgTimeout: '30s', syncTimeout: 500, durability: 'fsync', snappy: false,
  lookupdTcpAddress: ['127.0.0.1:4160'], e2eProcessingLatencyPercentile: 0.99, tlsRequired: 'tcp-https', logLevel: 'warn',
  topics: { 'mail.*': { maxAttempts: 3 } }, httpsAddress: undefined,
};
const onLog = (line: LogLine): void => { const level: 'debug' | 'info' | 'warn' | 'error' | 'fatal' = line.level; void level; };
export async function typed(): Promise<boolean> {
  const nsqd = await Nsqd.start(options, { log: onLog, unhealthy: (reason) => reason.length });
  const addresses: NsqdAddresses = nsqd.addresses;
  const http: string | null = addresses.http;
  nsqd.on('channel', ({ kind, topic, channel }) => [kind === 'created', topic.length, channel.length, http]).off('log', onLog);
  return nsqd.stop();
}
export const error: Error = new StartError('x');

// @ts-expect-error The data path is not optional.
await Nsqd.start({});
// @ts-expect-error No such durability.
await Nsqd.start({ dataPath: '', durability: 'none' });
// @ts-expect-error No such option.
await Nsqd.start({ dataPath: '', msgTimeoutMs: 5 });
// @ts-expect-error No such option of a topic.
await Nsqd.start({ dataPath: '', topics: { t: { logLevel: 'info' } } });
// @ts-expect-error A number, not a text.
await Nsqd.start({ dataPath: '', memQueueSize: '5' });
// @ts-expect-error No such event.
await Nsqd.start({ dataPath: '' }, { message: () => undefined });
// @ts-expect-error Made by start only.
new Nsqd();
`;

/** Strict, and with the library's own declarations checked, too. */
const TYPED_CONFIG = {
  compilerOptions: {
    module: 'NodeNext', target: 'ES2022', strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, types: [],
  },
  files: ['typed.ts'],
};

describe.skipIf(isStock)('the package', () => {
  let project = '';
  let files: readonly string[] = [];

  beforeAll(async () => {
    project = mkdtempSync(join(tmpdir(), 'nsqd-package-'));
    const packed = await run('npm', ['pack', '--json', '--ignore-scripts', `--pack-destination=${project}`], { cwd: ROOT });
    const [{ filename, files: entries }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
    files = entries.map(({ path }) => path);
    writeFileSync(join(project, 'package.json'), '{"name":"project","private":true,"type":"module"}');
    await run('npm', ['install', ...OFFLINE, join(project, filename)], { cwd: project });
  }, NPM_MS);

  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it('holds the program, its licence and its manual, and nothing else', () => {
    expect(files.filter((path) => !path.startsWith('dist/')).toSorted()).toEqual([
      'LICENSE', 'README.md', 'bin/nsqd-ts.js', 'package.json',
    ]);
    const compiled = files.filter((path) => path.startsWith('dist/'));
    expect(compiled.length).toBeGreaterThan(100);
    const sourceOf = (path: string): string => join(ROOT, path.replace(/^dist\/(.*?)(\.d\.ts|\.js)$/, 'src/$1.ts'));
    expect(compiled.filter((path) => !/\.(d\.ts|js)$/.test(path) || !existsSync(sourceOf(path)))).toEqual([]);
  });

  it('depends on nothing', async () => {
    const { stdout } = await run('npm', ['ls', '--all', '--parseable'], { cwd: project });
    expect(stdout.trim().split('\n').slice(1)).toEqual([join(project, 'node_modules', 'nsqd-ts')]);
  });

  it('runs by its name', async () => {
    mkdirSync(join(project, 'data'));
    const flags = ['--tcp-address=127.0.0.1:0', '--http-address=127.0.0.1:0', '--data-path=data'];
    // A process group of its own, to be ended as a terminal does: npx itself passes no signal on.
    const daemon = spawn('npx', ['--offline', 'nsqd-ts', ...flags], {
      cwd: project, detached: true, stdio: ['ignore', 'ignore', 'pipe'],
    });
    const exit = new Promise<number | null>((resolve) => daemon.once('close', resolve));
    let log = '';
    daemon.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    try {
      const port = await eventually(() => {
        const found = / TCP: listening on 127\.0\.0\.1:(\d+)\n/.exec(log)?.[1];
        if (found === undefined) throw new Error(log);
        return Number(found);
      }, NPM_MS);
      using client = await Client.connect(port);
      await client.publish('t', 'x');
    } finally {
      if (daemon.pid !== undefined) process.kill(-daemon.pid, 'SIGINT');
    }
    await exit;
    expect(log).toContain('NSQ: bye');
  }, NPM_MS);

  it('is a library that leaves no trace in the program around it', async () => {
    writeFileSync(join(project, 'program.mjs'), PROGRAM);
    // Ends by itself: nothing is left that would keep the process.
    const { stdout, stderr } = await run(process.execPath, ['program.mjs'], { cwd: project, timeout: NPM_MS });
    expect(stdout.split('\n').toSorted()).toEqual(['', '200 OK', 'true', 'true', 'uncaught of the listener']);
    expect(stderr).toBe('');
  }, NPM_MS);

  it('gives nothing but its public entry', async () => {
    for (const path of ['nsqd-ts/dist/nsqd/nsqd.js', 'nsqd-ts/dist/nsqd/embedded.js', 'nsqd-ts/bin/nsqd-ts.js']) {
      const program = run(process.execPath, ['--input-type=module', '-e', `await import('${path}')`], { cwd: project });
      await expect(program).rejects.toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED');
    }
  });

  it('has types that compile in a strict project without others', async () => {
    writeFileSync(join(project, 'typed.ts'), TYPED_PROGRAM);
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(TYPED_CONFIG));
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const compiled = run(process.execPath, [compiler, '-p', project], { cwd: project });
    await expect(compiled.catch(({ stdout }: { stdout: string }) => ({ stdout }))).resolves.toMatchObject({ stdout: '' });
  }, COMPILE_MS);
});
