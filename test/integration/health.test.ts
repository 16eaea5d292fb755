// /health/live and /health/ready while the disk refuses a file and once it takes it again.

import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { isStock, sharedDaemon } from '../support/daemon.js';

const daemon = sharedDaemon();

describe.skipIf(isStock)('/health', () => {
  it('is live and ready', async () => {
    expect(await daemon().get('/health/live')).toEqual({ status: 200, body: '{"status":"live"}' });
    expect(await daemon().get('/health/ready')).toEqual({ status: 200, body: '{"status":"ready"}' });
  });

  it('is not ready, but live, while the disk refuses writes', async () => {
    const obstacle = join(daemon().dataPath, 'sick.diskqueue.000000.dat');
    mkdirSync(obstacle);
    expect((await daemon().post('/pub?topic=sick', 'refused')).status).toBe(503);
    const { status, body } = await daemon().get('/health/ready');
    expect(status).toBe(503);
    const { status: word, reasons } = JSON.parse(body) as { status: string; reasons: string[] };
    expect(word).toBe('unready');
    expect(reasons).toEqual([expect.stringContaining(obstacle)]);
    expect((await daemon().get('/ping')).body).toBe(`NOK - ${reasons[0]}`);
    expect((await daemon().get('/health/live')).status).toBe(200);
    rmdirSync(obstacle);
    await daemon().command('/pub?topic=sick', 'taken');
    expect((await daemon().get('/health/ready')).status).toBe(200);
  });
});
