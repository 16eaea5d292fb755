// The three client programs: how each is built, and the command that runs it. `prepare` installs what the program's own
// manifest pins (into ignored directories) and throws with a one-line reason when that is impossible here.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HERE = import.meta.dirname;
const INSTALL_TIMEOUT_MS = 300_000;

export const CLIENTS = [
  { name: 'go-nsq', prepare: prepareGo },
  { name: 'pynsq', prepare: preparePython },
  { name: 'nsqjs', prepare: prepareJs },
];

function prepareGo() {
  const cwd = join(HERE, 'go');
  const program = join(cwd, 'build', 'client');
  requireTool('go', ['version']);
  mkdirSync(join(cwd, 'build'), { recursive: true });
  runTool('go', ['build', '-o', program, '.'], cwd);
  return { file: program, args: [], cwd };
}

function preparePython() {
  const cwd = join(HERE, 'python');
  const venv = join(cwd, '.venv');
  const python = join(venv, 'bin', 'python');
  requireTool('python3', ['-c', 'import ensurepip, venv']);
  installOnce(join(venv, 'installed'), [join(cwd, 'requirements.txt'), join(cwd, 'requirements-snappy.txt')], () => {
    runTool('python3', ['-m', 'venv', '--clear', venv], cwd);
    runTool(python, ['-m', 'pip', 'install', '--quiet', '--requirement', 'requirements.txt'], cwd);
    tryTool(python, ['-m', 'pip', 'install', '--quiet', '--requirement', 'requirements-snappy.txt'], cwd);
  });
  return { file: python, args: ['client.py'], cwd };
}

function prepareJs() {
  const cwd = join(HERE, 'js');
  requireTool('npm', ['--version']);
  installOnce(join(cwd, 'node_modules', '.installed-all'), [join(cwd, 'package-lock.json')], () => {
    runTool('npm', ['ci', '--no-audit', '--no-fund'], cwd);
  });
  return { file: process.execPath, args: ['client.mjs'], cwd };
}

/** Installs unless the mark of an earlier installation holds the hash of these very manifests. */
function installOnce(markPath, manifestPaths, install) {
  const manifests = manifestPaths.map((path) => readFileSync(path, 'utf8')).join('');
  const hash = createHash('sha256').update(manifests).digest('hex');
  if (existsSync(markPath) && readFileSync(markPath, 'utf8') === hash) return;
  install();
  writeFileSync(markPath, hash);
}

function requireTool(file, args) {
  const { error, status } = spawnSync(file, args, { stdio: 'ignore' });
  if (error !== undefined || status !== 0) throw new Error(`${file} is not usable here (${file} ${args.join(' ')})`);
}

/** For what is native and not everywhere: its checks report themselves as skipped. */
function tryTool(file, args, cwd) {
  spawnSync(file, args, { cwd, stdio: 'ignore', timeout: INSTALL_TIMEOUT_MS });
}

function runTool(file, args, cwd) {
  const result = spawnSync(file, args, { cwd, encoding: 'utf8', timeout: INSTALL_TIMEOUT_MS });
  if (result.status === 0) return;
  throw new Error(`${file} ${args[0]} failed: ${result.error?.message ?? result.stderr}`);
}
