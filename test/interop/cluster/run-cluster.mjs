// The daemon among stock nsqlookupds, nsqadmin and utilities: the list of checks, each on the same running cluster.

import { existsSync } from 'node:fs';

import { CLIENTS } from '../clients.mjs';
import { lastLine } from '../tools.mjs';
import { Cluster, findPrograms } from './cluster.mjs';
import { checkDiscovery } from './discovery.mjs';
import { checkDraining } from './draining.mjs';
import {
  checkCounts, checkCreate, checkDelete, checkEmpty, checkNodes, checkPause, checkTombstone,
} from './nsqadmin.mjs';
import { checkStat, checkTail, checkToFile, checkToHttp, checkToNsq, checkToNsqd } from './utilities.mjs';

/** In this order. `needs` is the stock program a check is about, where not every installation has it. */
const CHECKS = [
  { check: 'nsqadmin nodes', run: checkNodes },
  { check: 'nsqadmin counts', run: checkCounts },
  { check: 'nsqadmin pause', run: checkPause },
  { check: 'nsqadmin empty', run: checkEmpty },
  { check: 'nsqadmin delete', run: checkDelete },
  { check: 'nsqadmin tombstone', run: checkTombstone },
  { check: 'nsqadmin create', run: checkCreate },
  { check: 'to_nsq', run: checkToNsq, needs: 'to_nsq' },
  { check: 'nsq_tail', run: checkTail, needs: 'nsq_tail' },
  { check: 'nsq_to_file', run: checkToFile, needs: 'nsq_to_file' },
  { check: 'nsq_to_nsq', run: checkToNsqd, needs: 'nsq_to_nsq' },
  { check: 'nsq_to_http', run: checkToHttp, needs: 'nsq_to_http' },
  { check: 'nsq_stat', run: checkStat, needs: 'nsq_stat' },
];

/**
 * The checks that need a consumer written in Go; none where it cannot be built. They come first, because a daemon drains only
 * when nothing is left of the others.
 */
function withGo(skip) {
  try {
    const { file } = CLIENTS.find(({ name }) => name === 'go-nsq').prepare();
    return [
      { check: 'discovery', run: (cluster) => checkDiscovery(cluster, file) },
      { check: 'draining', run: (cluster) => checkDraining(cluster, file) },
    ];
  } catch (error) {
    skip(`discovery, draining: ${lastLine(error)}`);
    return [];
  }
}

/** Calls `report` with each result; tells `skip` why, when the cluster or a check cannot be run here. */
export async function runCluster(report, skip) {
  let programs;
  try {
    programs = findPrograms();
  } catch (error) {
    return skip(lastLine(error));
  }
  const cluster = new Cluster(programs);
  const checks = [...withGo(skip), ...CHECKS];
  let hasFailed = false;
  const attempt = async (check, run) => {
    try {
      report({ check, ok: true, detail: (await run(cluster)) ?? '' });
      return true;
    } catch (error) {
      report({ check, ok: false, detail: error.message });
      hasFailed = true;
      return false;
    }
  };
  if (await attempt('start', () => cluster.start())) {
    for (const { check, run, needs } of checks) {
      if (needs === undefined || existsSync(cluster.program(needs))) await attempt(check, run);
      else skip(`${check}: NSQ_BIN has no ${needs}`);
    }
    await attempt('stop', () => cluster.stop());
  }
  if (hasFailed) console.log(`last lines of the daemons' logs:\n${cluster.logTails()}`);
  await cluster.dispose();
}
