// The three client programs: how each is built, and the command that runs it. `prepare` installs what the program's own
// manifest pins (into ignored directories) and throws with a one-line reason when that is impossible here.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { requireTool, runTool, tryTool } from './tools.mjs';

const HERE = import.meta.dirname;

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
