import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';

import { type BodyEnd, RequestBody } from '../../../../src/lib/http/request-body.js';

class FakeRequest extends PassThrough {
  readonly headers: Record<string, string>;
  continueCount = 0;

  constructor(headers: Record<string, string>) {
    super();
    this.headers = headers;
  }

  writeContinue(): void {
    this.continueCount += 1;
  }

  body(awaitsContinue = false): RequestBody {
    return new RequestBody(this as unknown as IncomingMessage, this as unknown as ServerResponse, awaitsContinue);
  }
}

const CHUNKED = { 'transfer-encoding': 'chunked' };

function collected(body: RequestBody, limitBytes: number): Promise<{ text: string; end: BodyEnd }> {
  return new Promise((resolve) => {
    body.collect(limitBytes, (bytes, end) => resolve({ text: bytes.toString(), end }));
  });
}

function discarded(body: RequestBody, limitBytes: number): Promise<{ text: string; end: BodyEnd }> {
  return new Promise((resolve) => {
    body.discard(limitBytes, (bytes, end) => resolve({ text: bytes.toString(), end }));
  });
}

async function feed(request: FakeRequest, chunks: readonly string[]): Promise<void> {
  for (const chunk of chunks) {
    request.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('collect', () => {
  it.each([
    [['hello'], 5, 'hello', 'complete'],
    [['he', 'll', 'o'], 5, 'hello', 'complete'],
    [['hello!'], 5, 'hello', 'overflow'],
    [['hel', 'lo', '!!!'], 5, 'hello', 'overflow'],
    [['hel', 'lo!!!'], 5, 'hello', 'overflow'],
    [[], 5, '', 'complete'],
    [['x'.repeat(9000), 'y'.repeat(9000)], 20000, 'x'.repeat(9000) + 'y'.repeat(9000), 'complete'],
  ])('keeps %j up to %i bytes', async (chunks, limitBytes, text, end) => {
    for (const headers of [CHUNKED, { 'content-length': String(Math.max(1, chunks.join('').length)) }]) {
      const request = new FakeRequest(headers);
      const result = collected(request.body(), limitBytes);
      await feed(request, chunks);
      request.end();
      expect(await result).toEqual({ text, end });
    }
  });

  it('is complete at once without a body', () => {
    const body = new FakeRequest({ 'content-length': '0' }).body();
    let end: BodyEnd | undefined;
    body.collect(5, (_, bodyEnd) => {
      end = bodyEnd;
    });
    expect([end, body.isComplete, body.isReading]).toEqual(['complete', true, false]);
  });

  it('hands over what came before a failure', async () => {
    const request = new FakeRequest({ 'content-length': '10' });
    const body = request.body();
    const result = collected(body, 10);
    await feed(request, ['abc']);
    body.fail();
    expect(await result).toEqual({ text: 'abc', end: 'failed' });
    expect(body.isIntact).toBe(false);
  });

  it('fails when the request is destroyed', async () => {
    const request = new FakeRequest({ 'content-length': '10' });
    const result = collected(request.body(), 10);
    request.destroy(new Error('aborted'));
    expect((await result).end).toBe('failed');
  });

  it('tells the client to continue only when it reads', async () => {
    const request = new FakeRequest({ 'content-length': '3' });
    const body = request.body(true);
    expect([body.awaitsContinue, request.continueCount]).toEqual([true, 0]);
    const result = collected(body, 10);
    expect([body.awaitsContinue, request.continueCount]).toEqual([false, 1]);
    request.end('abc');
    expect((await result).text).toBe('abc');
  });
});

describe('discard', () => {
  it('keeps nothing and goes on after an overflow of collect', async () => {
    const request = new FakeRequest(CHUNKED);
    const body = request.body();
    const overflow = collected(body, 2);
    await feed(request, ['abc']);
    expect((await overflow).end).toBe('overflow');
    const rest = discarded(body, 100);
    await feed(request, ['d'.repeat(50)]);
    request.end();
    expect(await rest).toEqual({ text: '', end: 'complete' });
    expect(body.isComplete).toBe(true);
  });

  it('reports more than its limit', async () => {
    const request = new FakeRequest(CHUNKED);
    const result = discarded(request.body(), 10);
    await feed(request, ['x'.repeat(11)]);
    expect((await result).end).toBe('overflow');
  });

  it('is idle once after reading', async () => {
    const request = new FakeRequest(CHUNKED);
    const body = request.body();
    let idleCount = 0;
    const result = discarded(body, Infinity);
    body.onIdle = () => {
      idleCount += 1;
    };
    request.end('abc');
    await result;
    expect([idleCount, body.isReading]).toEqual([1, false]);
  });
});
