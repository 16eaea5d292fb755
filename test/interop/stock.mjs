// NSQ's own programs, nsqd among them: those of the directory NSQ_BIN, or the release that nsq/go.mod and nsq/go.sum
// pin, built from the Go module proxy into an ignored directory. Building again without a change takes a moment, because
// Go keeps what it built.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { requireTool, runTool } from './tools.mjs';

const MODULE = join(import.meta.dirname, 'nsq');
/** Where test/support/daemon.ts looks for a stock nsqd, too. */
const BUILD = join(MODULE, 'build');
const PROGRAMS = 'github.com/nsqio/nsq/apps/...';

/** The directory of the programs; throws with a one-line reason when they cannot be built here. */
export function prepareStock() {
  if (process.env.NSQ_BIN) return process.env.NSQ_BIN;
  requireTool('go', ['version']);
  mkdirSync(BUILD, { recursive: true });
  // With the settings of the other Go program here, so that the standard library is compiled once for both.
  runTool('go', ['build', '-ldflags=-s -w', '-o', BUILD, PROGRAMS], MODULE);
  return BUILD;
}
