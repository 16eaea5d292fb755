// One client program against one daemon. The program prints a JSON object per line:
//
//   {"check": "touch", "ok": true, "detail": "held for 2.5 s"}   the result of one check
//   {"check": "snappy", "skip": "no module named snappy"}        one that cannot be made here
//   {"do": "restart"}                                            stop the daemon and start it again; when it answers,
//                                                                the program reads one line from its standard input
//
// It finds the daemon in the environment as NSQD_TCP and NSQD_HTTP, both host:port, and in NSQD_CA the path of the
// certificate that vouches for the daemon's, which is for localhost and 127.0.0.1.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { startAuthServer } from './auth-server.mjs';
import { DEFAULT_COMMAND, Daemon, freePorts } from './daemon.mjs';

const CERTIFICATES = join(import.meta.dirname, '..', 'fixtures', 'tls');
const DAEMON_FLAGS = [
  `--tls-cert=${join(CERTIFICATES, 'server.pem')}`,
  `--tls-key=${join(CERTIFICATES, 'server.key')}`,
  '--https-address=127.0.0.1:0',
];
const CLIENT_TIMEOUT_MS = 120_000;
const DOWNTIME_MS = 500;
const STDERR_CHARACTERS_SHOWN = 2_000;

/** The same program with the argument `auth`, against a daemon that requires authorization. */
export async function runAuthSuite(command, onCheck) {
  const authServer = await startAuthServer();
  try {
    return await runSuite({ ...command, args: [...command.args, 'auth'] }, onCheck, [`--auth-http-address=${authServer.address}`]);
  } finally {
    authServer.close();
  }
}

/** Runs the program to its end; returns what went wrong outside its checks, and the tail of the daemon's log. */
export async function runSuite(command, onCheck, moreFlags = []) {
  const directory = mkdtempSync(join(tmpdir(), 'nsqd-interop-'));
  const dataPath = join(directory, 'data');
  mkdirSync(dataPath);
  const [tcpPort, httpPort] = await freePorts(2);
  const flags = [...DAEMON_FLAGS, ...moreFlags];
  const daemonCommand = process.env.NSQD_CMD ?? DEFAULT_COMMAND;
  const logPath = join(directory, 'daemon.log');
  const daemon = new Daemon({ command: daemonCommand, dataPath, logPath, tcpPort, httpPort, flags });
  const problems = [];
  try {
    await daemon.start();
    await runProgram(command, daemon, onCheck, problems);
    await daemon.stop();
  } catch (error) {
    problems.push(error.message);
  }
  daemon.kill();
  const daemonLog = daemon.logTail();
  rmSync(directory, { recursive: true, force: true });
  return { problems, daemonLog };
}

async function runProgram({ file, args, cwd }, daemon, onCheck, problems) {
  const addresses = { NSQD_TCP: daemon.tcpAddress, NSQD_HTTP: daemon.httpAddress };
  const env = { ...process.env, ...addresses, NSQD_CA: join(CERTIFICATES, 'ca.pem') };
  const program = spawn(file, args, { cwd, env });
  const ended = once(program, 'close');
  ended.catch(() => {}); // Also awaited below, where a program that cannot be started is reported.
  program.stdin.on('error', () => {}); // A program that died is reported by its exit code below.
  let stderr = '';
  program.stderr.on('data', (chunk) => (stderr = (stderr + chunk).slice(-STDERR_CHARACTERS_SHOWN)));
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    program.kill('SIGKILL');
  }, CLIENT_TIMEOUT_MS);

  try {
    for await (const line of createInterface({ input: program.stdout })) {
      const report = parseReport(line);
      if (report?.check !== undefined) onCheck(report);
      else if (report?.do === 'restart') await restart(daemon, program, problems);
      else problems.push(`the client printed an unknown line: ${line}`);
    }
    const [exitCode] = await ended;
    if (isLate) problems.push(`the client did not end within ${CLIENT_TIMEOUT_MS / 1000} s\n${stderr}`);
    else if (exitCode !== 0) problems.push(`the client ended with exit code ${exitCode}\n${stderr}`);
  } finally {
    clearTimeout(timer);
    program.kill('SIGKILL');
  }
}

/** The downtime lets clients notice that the daemon is away, so that a reconnect is really tested. */
async function restart(daemon, program, problems) {
  try {
    await daemon.stop();
  } catch (error) {
    problems.push(error.message);
  }
  await sleep(DOWNTIME_MS);
  await daemon.start();
  program.stdin.write('{"done":"restart"}\n');
}

function parseReport(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // The caller reports the line itself.
  }
}
