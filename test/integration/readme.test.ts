// The README does what it says: its blocks marked as runnable are run in their order, in one temporary directory and against
// one daemon after the other, and what they print is compared with what it shows. Ports are replaced by free ones. Each chapter
// begins with the daemon of the first one.

import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

import { OPTION_ROWS } from '../../src/nsqd/options.js';
import { Daemon, isStock, temporaryDirectory } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { patternOf, README, readmeBlocks } from '../support/readme.js';
import type { ReadmeBlock } from '../support/readme.js';

const run = promisify(execFile);
const ROOT = new URL('../..', import.meta.url).pathname;
const BLOCK_MS = 60_000;
/** Which programs run which clients; installed by the interop suite. */
const CLIENTS: Readonly<Record<string, { readonly program: string; readonly needs: string }>> = {
  python: { program: join(ROOT, 'test/interop/python/.venv/bin/python'), needs: join(ROOT, 'test/interop/python/.venv/installed') },
  js: { program: process.execPath, needs: join(ROOT, 'test/interop/js/node_modules/nsqjs') },
  go: { program: 'go', needs: join(ROOT, 'test/interop/go/build/client') },
};

function isInstalled(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn(`skipped: this machine has no ${program}`);
    return false;
  }
}

/** The stranger's directory, and the daemon in it. */
class Reader {
  readonly directory = temporaryDirectory();
  #daemon: Daemon | null = null;
  #command = '';
  #chapter = '';

  constructor() {
    mkdirSync(join(this.directory, 'node_modules'));
    symlinkSync(ROOT, join(this.directory, 'node_modules/nsqd-ts'));
  }

  /** The first daemon is everybody's. */
  async enter(chapter: string): Promise<void> {
    if (this.#chapter === chapter) return;
    this.#chapter = chapter;
    if (this.#daemon !== null && this.#command !== FIRST_COMMAND) await this.startDaemon(FIRST_COMMAND);
  }

  /** `npx nsqd-ts FLAGS`. The data path and the files of flags are those of the directory. */
  async startDaemon(command: string): Promise<void> {
    const [npx, name, ...words] = command.trim().split(/\s+/);
    expect([npx, name]).toEqual(['npx', 'nsqd-ts']);
    await this.#daemon?.stop();
    this.#command = command;
    const flags = words.map((word) => word.replace(/=(?:\.\/)?([a-z-]+(?:\.[a-z]+)?)$/, (whole, file: string) => {
      return existsSync(join(this.directory, file)) || file.endsWith('.sock') ? `=${join(this.directory, file)}` : whole;
    }));
    const isOption = (flag: string): boolean => /^--(?:data-path|http-address)=/.test(flag);
    expect(flags).toContainEqual(expect.stringMatching(/^--data-path=/));
    const httpAddress = flags.find((flag) => flag.startsWith('--http-address='))?.split('=')[1];
    this.#daemon = await Daemon.start({
      dataPath: join(this.directory, 'data'),
      flags: flags.filter((flag) => !isOption(flag)),
      ...(httpAddress === undefined ? {} : { httpAddress }),
    });
  }

  get #ports(): readonly (readonly [standard: number, actual: number])[] {
    const { tcpPort = 4150, httpPort = 4151, httpsPort = 4152 } = this.#daemon ?? {};
    return [[4150, tcpPort], [4151, httpPort], [4152, httpsPort]];
  }

  #withPorts(text: string): string {
    return this.#ports.reduce((result, [standard, actual]) => result.replaceAll(`:${standard}`, `:${actual}`), text);
  }

  /** What it prints, with the ports of the README. Throws when it fails. */
  async run({ language, text, output }: ReadmeBlock): Promise<string> {
    // What an answer looks like is for the output to say; without one it must be a good one.
    const strict = language === 'sh' && output === undefined ? 'curl() { command curl -sS --fail "$@"; }\n' : '';
    const script = strict + this.#withPorts(text);
    const [program, args] = language === 'js'
      ? [process.execPath, ['--input-type=module', '-e', script]]
      : ['bash', ['-euo', 'pipefail', '-c', script]];
    const { stdout } = await run(program, args, { cwd: this.directory, timeout: BLOCK_MS });
    return this.#ports.reduce((result, [standard, actual]) => result.replaceAll(`:${actual}`, `:${standard}`), stdout);
  }

  /** Runs a client's program until it has printed a message. */
  async runClient({ language, text }: ReadmeBlock): Promise<void> {
    const source = this.#withPorts(text);
    const program = language === 'go' ? await this.#compileGo(source) : CLIENTS[language]!.program;
    const args = language === 'go' ? [] : language === 'python' ? ['-u', '-c', source] : ['-e', source];
    const body = `for the client in ${language}`;
    // What goes wrong is on stderr, message included.
    const client = spawn(program, args, { cwd: join(ROOT, 'test/interop/js'), stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    client.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    try {
      await this.#daemon!.command('/pub?topic=greetings', body);
      await eventually(() => expect(output).toContain(body), BLOCK_MS / 2);
    } finally {
      client.kill('SIGKILL');
      // The next message is for the next client, not for this one's connection.
      await eventually(async () => {
        const channels = ((await this.#daemon!.stats()).topics ?? []).flatMap((topic) => topic.channels);
        expect(channels.filter(({ client_count: count }) => count > 0)).toEqual([]);
      });
    }
  }

  /** With the modules that the interop suite has fetched. */
  async #compileGo(source: string): Promise<string> {
    const module = join(this.directory, 'go');
    cpSync(join(ROOT, 'test/interop/go'), module, { recursive: true, filter: (path) => !/\.go$|build$/.test(path) });
    writeFileSync(join(module, 'main.go'), source);
    await run('go', ['build', '-mod=mod', '-o', 'client', '.'], { cwd: module, env: { ...process.env, GOPROXY: 'off' } });
    return join(module, 'client');
  }

  async end(): Promise<void> {
    await this.#daemon?.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const blocks = readmeBlocks();
const runnable = blocks.filter(({ marks }) => marks[0] === 'runnable');
const FIRST_COMMAND = runnable.find(({ marks }) => marks[1] === 'daemon')?.text ?? '';
const canRun = !isStock && isInstalled('bash') && isInstalled('curl');

describe.skipIf(!canRun)('what the README shows can be done', () => {
  const reader = new Reader();
  afterAll(() => reader.end());

  it('has much of it marked', () => {
    expect(runnable.length).toBeGreaterThan(10);
  });

  for (const block of runnable) {
    const { line, chapter, language, marks, text, output } = block;
    const client = marks[1] === 'client' ? CLIENTS[language] : undefined;
    const needsMore = (client !== undefined && !existsSync(client.needs)) || (/openssl|server\.pem/.test(text) && !isInstalled('openssl'));
    if (needsMore) console.warn(`skipped: line ${line}, what it runs is not installed`);
    it.skipIf(needsMore)(`line ${line}: ${text.split('\n')[0]}`, async () => {
      await reader.enter(chapter);
      if (marks[1] === 'daemon') return reader.startDaemon(text);
      if (client !== undefined) return reader.runClient(block);
      const printed = await reader.run(block);
      if (output !== undefined) expect(printed).toMatch(patternOf(output));
    }, BLOCK_MS);
  }
});

describe.skipIf(isStock)('what the README gives to copy', () => {
  const marked = (mark: string): string => {
    const block = blocks.find(({ marks }) => marks[0] === mark);
    if (block === undefined) throw new Error(`no block ${mark}`);
    return block.text;
  };

  it('is config files that the daemon takes', async () => {
    const configs = blocks.filter(({ language }) => language === 'toml');
    expect(configs.length).toBeGreaterThan(1);
    for (const { text } of configs) {
      const directory = temporaryDirectory();
      try {
        const path = join(directory, 'nsqd.toml');
        writeFileSync(path, text);
        await using daemon = await Daemon.start({ flags: [`--config=${path}`] });
        expect(daemon.output).not.toMatch(/WARNING/);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }
  });

  it('is a unit that systemd takes', async ({ skip }) => {
    if (!isInstalled('systemd-analyze')) return skip();
    const directory = temporaryDirectory();
    try {
      // Only the program is not where a stranger has it.
      const unit = marked('systemd').replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`);
      expect(unit).toContain(process.execPath);
      const path = join(directory, 'nsqd-ts.service');
      writeFileSync(path, unit);
      const { stderr } = await run('systemd-analyze', ['verify', '--man=no', path]);
      expect(stderr.split('\n').filter((line) => line.includes('nsqd-ts.service'))).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it('is a compose file in YAML', async ({ skip }) => {
    const program = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))';
    const parse = run('python3', ['-c', program]);
    parse.child.stdin?.end(marked('compose'));
    const parsed = await parse.catch(() => undefined);
    if (parsed === undefined) {
      console.warn('skipped: this machine has no python3 with yaml');
      return skip();
    }
    const { services, volumes } = JSON.parse(parsed.stdout) as { services: Record<string, { command: string[] }>; volumes: object };
    expect(Object.keys(services)).toEqual(['nsqlookupd', 'nsqd', 'nsqadmin']);
    expect(Object.keys(volumes)).toEqual(['nsqd-data']);
    const flags = services['nsqd']!.command.map((word) => /^--([a-z-]+)=/.exec(word)?.[1]);
    expect(flags).toHaveLength(3);
    const known = [...OPTION_ROWS.values()].map(({ flag }) => flag);
    expect(flags.filter((flag) => flag === undefined || !known.includes(flag))).toEqual([]);
  });
});

describe('the references of the README', () => {
  function section(title: string): string {
    const start = README.indexOf(`\n## ${title}\n`);
    expect(start, title).toBeGreaterThan(0);
    return README.slice(start, README.indexOf('\n## ', start + 1));
  }

  it.each([...OPTION_ROWS.values()])('have --$flag with its default', ({ flag, type, default: value }) => {
    const row = new RegExp(`^\\| \`--${flag}\` \\| (.*?) ?\\|`, 'm').exec(section('Flags'));
    expect(row, flag).not.toBeNull();
    if (flag === 'node-id' || flag === 'broadcast-address') return expect(row![1]).toContain('host name');
    const printed = type.printDefault(value).replace(/^"(.*)"$/, '$1');
    expect(['', '`0`', '`false`'].includes(row![1]!) ? '' : row![1]).toBe(printed === '' ? '' : `\`${printed}\``);
  });

  it('have every request of the HTTP API, and no other', () => {
    const routes = join(ROOT, 'src/nsqd/http/routes');
    const sources = readdirSync(routes).map((file) => readFileSync(join(routes, file), 'utf8')).join('\n');
    const served = [...sources.matchAll(/logged\('(GET|POST|PUT)', '([^']+)'/g)].map((match) => `${match[1]} ${match[2]}`);
    const listed = [...section('HTTP API').matchAll(/^\| (`(?:GET|POST|PUT) .*?`) \|/gm)]
      .flatMap((row) => [...row[1]!.matchAll(/`([A-Z]+ [^?`]+)/g)].map((match) => match[1]!));
    expect(served.length).toBeGreaterThan(20);
    expect(listed.toSorted()).toEqual(served.toSorted());
  });

  it('lead to headings that exist', () => {
    const prose = README.replaceAll(/^```.*?^```$/gms, '');
    const slugs = [...prose.matchAll(/^#+ (.*)$/gm)].map((match) => {
      return match[1]!.toLowerCase().replaceAll(/[^a-z0-9 -]/g, '').replaceAll(' ', '-');
    });
    const links = [...prose.matchAll(/\]\(#([^)]*)\)/g)].map((match) => match[1]!);
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter((link) => !slugs.includes(link))).toEqual([]);
    expect(new Set(slugs).size).toBe(slugs.length);
    const linked = new Set(links);
    const chapters = [...prose.matchAll(/^## (.*)$/gm)].map((match) => match[1]!).filter((title) => title !== 'Contents');
    expect(chapters.filter((title) => ![...linked].some((link) => prose.includes(`[${title}](#${link})`)))).toEqual([]);
  });
});
