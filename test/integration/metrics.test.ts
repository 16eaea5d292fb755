// GET /metrics of a whole daemon: the head of the answer, figures after real traffic, and Prometheus' own opinion of it.

import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { Daemon, isStock, sharedDaemon, temporaryDirectory } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { parseMetrics, valuesOf } from '../support/metrics.js';

const daemon = sharedDaemon();
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const SECTION = README.slice(README.indexOf('### Metrics of Prometheus')).split('\n## ')[0]!;
const RULES = /```yaml alerts\n(.+?)```/s.exec(README)?.[1] ?? '';
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

async function scrape(of: Daemon = daemon()): Promise<string> {
  const { status, body } = await of.get('/metrics');
  expect(status).toBe(200);
  return body;
}

function headersOf(path: string): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: daemon().httpPort, path, agent: false }, (incoming) => {
      incoming.resume();
      incoming.on('end', () => resolve(incoming.headers));
    }).on('error', reject).end();
  });
}

describe.skipIf(isStock)('/metrics', () => {
  it('has the content type of the format', async () => {
    expect((await headersOf('/metrics'))['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  it('follows messages', async () => {
    const before = valuesOf(await scrape());
    using client = await daemon().subscriber('metrics', 'c', 1);
    await daemon().command('/mpub?topic=metrics', 'one\ntwo\nthree\n');
    client.finish(await client.nextMessage());
    await client.nextMessage();
    const values = await eventually(async () => {
      const now = valuesOf(await scrape());
      expect(now.get('nsqd_channel_in_flight{topic="metrics",channel="c"}')).toBe(1);
      return now;
    });
    const series = (name: string): number | undefined => values.get(`nsqd_channel_${name}{topic="metrics",channel="c"}`);
    expect(['depth', 'finishes_total', 'messages_total', 'clients'].map(series)).toEqual([1, 1, 3, 1]);
    expect(values.get('nsqd_topic_message_bytes_total{topic="metrics"}')).toBe(11);
    expect(values.get('nsqd_tcp_connections')).toBe(1);
    for (const name of ['nsqd_disk_write_seconds_count', 'nsqd_disk_written_bytes_total', 'nsqd_publish_group_messages_count']) {
      expect(values.get(name), name).toBeGreaterThan(before.get(name)!);
    }
    for (const name of ['process_resident_memory_bytes', 'nsqd_heap_used_bytes', 'process_cpu_seconds_total', 'nsqd_healthy']) {
      expect(values.get(name), name).toBeGreaterThan(0);
    }
    expect(series('oldest_message_age_seconds')).toBeLessThan(20);
    await eventually(async () => {
      const next = valuesOf(await scrape());
      expect(next.get('nsqd_channel_oldest_message_age_seconds{topic="metrics",channel="c"}')).toBeGreaterThan(0.05);
    });
  });

  it('counts errors by code', async () => {
    await daemon().post('/pub?topic=bad$', 'x');
    using client = await daemon().connect();
    client.command('PUB bad$', 'x');
    expect(await client.nextError()).toContain('E_BAD_TOPIC');
    const values = valuesOf(await scrape());
    expect(values.get('nsqd_http_errors_total{code="INVALID_TOPIC"}')).toBe(1);
    expect(values.get('nsqd_tcp_errors_total{code="E_BAD_TOPIC"}')).toBe(1);
  });

  it('measures flushes with --durability=fsync', async () => {
    await using durable = await Daemon.start({ flags: ['--durability=fsync'] });
    await durable.command('/pub?topic=t', 'x');
    expect(valuesOf(await scrape(durable)).get('nsqd_disk_sync_seconds_count')).toBeGreaterThan(0);
  });

  it('measures the event loop while it is scraped', async () => {
    await eventually(async () => {
      expect(valuesOf(await scrape()).get('nsqd_event_loop_delay_seconds_count')).toBeGreaterThan(1);
    });
  });

  it('is listed in the README, name by name', async () => {
    using client = await daemon().subscriber('listed', 'c', 1);
    const listed = [...SECTION.matchAll(/^\| `([a-z0-9_]+)`/gm)].map((match) => match[1]!);
    const written = parseMetrics(await scrape()).map(({ name }) => name);
    // Without --e2e-processing-latency-percentile there are no latencies.
    expect(listed.filter((name) => name !== 'nsqd_channel_e2e_latency_seconds').sort()).toEqual(written.sort());
    await client.expectQuiet();
  });

  it.skipIf(!hasPromtool)('pleases promtool', async () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: await scrape(), encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('has the names that the alerts of the README use', async () => {
    using client = await daemon().subscriber('alerts', 'c', 1);
    const written = parseMetrics(await scrape()).map(({ name }) => name);
    const used = [...new Set(RULES.match(/nsqd_[a-z0-9_]+/g))];
    expect(used.length).toBeGreaterThan(5);
    expect(used.filter((name) => !written.includes(name))).toEqual([]);
    await client.expectQuiet();
  });

  it.skipIf(!hasPromtool)('has alerts that Prometheus takes', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'rules.yml');
    writeFileSync(path, RULES);
    const { status, stdout } = spawnSync('promtool', ['check', 'rules', path], { encoding: 'utf8' });
    rmSync(directory, { recursive: true });
    expect(status, stdout).toBe(0);
    expect(stdout).toContain('5 rules found');
  });
});
