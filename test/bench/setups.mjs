// The daemons that take turns in a case, and their flags. Ours is compared with what promises least in the other one's
// favour: in memory cases it writes every message to its file (the default) while the other keeps them in memory.

import { join } from 'node:path';

import { DEFAULT_COMMAND } from '../interop/daemon.mjs';

const TLS_DIRECTORY = join(import.meta.dirname, '..', 'fixtures', 'tls');
const TLS_FLAGS = [`--tls-cert=${join(TLS_DIRECTORY, 'server.pem')}`, `--tls-key=${join(TLS_DIRECTORY, 'server.key')}`];
const MEMORY_QUEUE_SIZE = 10_000_000;
const OVERFLOW_QUEUE_SIZE = 100_000;
/** An own entry of a comparison, beside `ours` and `peer`, is left out of quick tables. */
export const EXTRA_SETUPS = ['ours-memory'];
export const SETUP_NAMES = ['ours', 'ours-memory', 'peer', 'peer-rdy-1'];

/** By kind of case: name of the setup to its flags. */
const FLAGS = {
  memory: {
    'ours': ['--durability=disk'],
    'ours-memory': ['--durability=memory', `--mem-queue-size=${MEMORY_QUEUE_SIZE}`],
    'peer': [`--mem-queue-size=${MEMORY_QUEUE_SIZE}`],
  },
  disk: { 'ours': ['--durability=disk'], 'peer': ['--mem-queue-size=0'] },
  fsync: { 'ours': ['--durability=fsync'], 'peer': ['--mem-queue-size=0', '--sync-every=1'] },
  overflow: {
    'ours': ['--durability=disk', `--mem-queue-size=${OVERFLOW_QUEUE_SIZE}`],
    'ours-memory': ['--durability=memory', `--mem-queue-size=${OVERFLOW_QUEUE_SIZE}`],
    'peer': [`--mem-queue-size=${OVERFLOW_QUEUE_SIZE}`],
  },
  /** With thousands of topics and channels a huge memory queue of each would be measured instead. */
  defaults: { 'ours': [], 'peer': [] },
  latency: {
    'ours': ['--durability=disk'],
    'peer': [`--mem-queue-size=${MEMORY_QUEUE_SIZE}`],
    'peer-rdy-1': [`--mem-queue-size=${MEMORY_QUEUE_SIZE}`],
  },
  tls: { 'ours': ['--durability=disk', ...TLS_FLAGS], 'peer': [`--mem-queue-size=${MEMORY_QUEUE_SIZE}`, ...TLS_FLAGS] },
  depth: { 'ours': ['--durability=disk'], 'peer': ['--mem-queue-size=20000000'] },
};

/** `peerCommand` may be absent. */
export function setupsOf(kind, peerCommand) {
  const ourCommand = process.env.NSQD_CMD ?? DEFAULT_COMMAND;
  return Object.entries(FLAGS[kind])
    .map(([name, flags]) => ({ name, flags, command: name.startsWith('peer') ? peerCommand : ourCommand }))
    .filter(({ command }) => command !== undefined);
}
