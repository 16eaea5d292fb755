// Entry of `npm run test:interop`: runs the programs written with go-nsq, pynsq and nsqjs against the daemon, each
// against a daemon of its own with an empty data directory, and then three daemons among NSQ's own nsqlookupds,
// nsqadmin and utilities. This file owns order, counting and the exit code; how a program is built lives in
// clients.mjs, what it may ask for in suite.mjs, the daemon process in daemon.mjs, the cluster in cluster/.
//
//   NSQD_CMD   daemon command, split on spaces (default: node bin/nsqd-ts.js)
//   NSQ_BIN    directory of stock nsqlookupd, nsqadmin and utilities; without it they are built (stock.mjs)
//   CI=true    a client that cannot be built is a failure instead of a skip
//   arguments  names of the clients to run, `cluster` among them (default: all)

import { AUTH_CHECKS, CHECKS } from './checks.mjs';
import { CLIENTS } from './clients.mjs';
import { runCluster } from './cluster/run-cluster.mjs';
import { runAuthSuite, runSuite } from './suite.mjs';
import { lastLine } from './tools.mjs';

const CLUSTER = 'cluster';
const NAMES = [...CLIENTS.map((client) => client.name), CLUSTER];
const CLIENT_NAME_WIDTH = Math.max(...NAMES.map((name) => name.length));
const CHECK_NAME_WIDTH = Math.max(...[...CHECKS, ...AUTH_CHECKS].map((check) => check.length));
const isCi = process.env.CI === 'true';
const totals = { passed: 0, failed: 0 };

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !NAMES.includes(name));
if (unknown.length > 0) {
  console.error(`unknown client ${unknown.join(', ')}; known: ${NAMES.join(', ')}`);
  process.exit(2);
}
for (const client of CLIENTS) {
  if (wanted.length === 0 || wanted.includes(client.name)) await runClient(client);
}
if (wanted.length === 0 || wanted.includes(CLUSTER)) {
  await runCluster((result) => report(CLUSTER, result), (reason) => console.log(`skip ${CLUSTER}: ${reason}`));
}
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 ? 0 : 1;

async function runClient(client) {
  let command;
  try {
    command = await client.prepare();
  } catch (error) {
    const reason = lastLine(error);
    if (isCi) report(client.name, { check: 'build', ok: false, detail: reason });
    else console.log(`skip ${client.name}: ${reason}`);
    return;
  }

  await runProgram(client, CHECKS, (onCheck) => runSuite(command, onCheck));
  await runProgram(client, AUTH_CHECKS, (onCheck) => runAuthSuite(command, onCheck));
}

async function runProgram(client, checks, run) {
  const missing = new Set(checks);
  const onCheck = (result) => {
    missing.delete(result.check);
    report(client.name, result);
  };
  const { problems, daemonLog } = await run(onCheck);
  for (const check of missing) report(client.name, { check, ok: false, detail: 'the client never reported it' });
  for (const detail of problems) report(client.name, { check: 'suite', ok: false, detail });
  if (missing.size > 0 || problems.length > 0) console.log(`last lines of the daemon's log:\n${daemonLog}`);
}

function report(clientName, { check, ok, skip, detail }) {
  if (skip !== undefined) {
    console.log(`skip ${clientName} ${check}: ${skip}`);
    return;
  }
  if (ok) totals.passed++;
  else totals.failed++;
  const labels = `${clientName.padEnd(CLIENT_NAME_WIDTH)} ${check.padEnd(CHECK_NAME_WIDTH)}`;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${labels} ${detail}`);
}
