// An auth server on loopback that answers as it is told and remembers what it was asked.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo } from 'node:net';

import { eventually } from './eventually.js';

export interface Question {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A status and a body, JSON unless it is a string; or anything the handler does to the response. */
export type Answer =
  | { readonly status?: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  | ((response: ServerResponse, question: Question) => void);

/** For HTTPS, both PEM. */
interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** Everything allowed for an hour. */
export const ALL_ALLOWED = {
  ttl: 3600,
  identity: 'me',
  identity_url: 'http://id.test/me',
  authorizations: [{ topic: '.*', channels: ['.*'], permissions: ['subscribe', 'publish'] }],
};

/** One entry, for an hour. */
export function allowing(topic: string, channels: readonly string[], permissions: readonly string[]): object {
  return { ttl: 3600, authorizations: [{ topic, channels, permissions }] };
}

export class AuthServer {
  readonly #server: Server;
  readonly questions: Question[] = [];
  /** Given in turn; the last one again and again. */
  answers: readonly Answer[];

  private constructor(answers: readonly Answer[], identity: Identity | null) {
    this.answers = answers;
    const listener = (incoming: IncomingMessage, response: ServerResponse): void => this.#take(incoming, response);
    this.#server = identity === null ? createServer(listener) : createSecureServer(identity, listener);
  }

  static async start(
    answers: readonly Answer[] = [{ body: ALL_ALLOWED }], identity: Identity | null = null,
  ): Promise<AuthServer> {
    const server = new AuthServer(answers, identity);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Waits until it was asked so often. */
  asked(count: number): Promise<void> {
    return eventually(() => {
      if (this.questions.length < count) throw new Error(`asked ${this.questions.length} times, not ${count}`);
    });
  }

  #take(incoming: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url: target = '', headers } = incoming;
      const question = { method, target, headers, body: Buffer.concat(chunks).toString('utf8') };
      this.questions.push(question);
      const answer = this.answers[Math.min(this.questions.length, this.answers.length) - 1] ?? {};
      if (typeof answer === 'function') return answer(response, question);
      const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {});
      response.writeHead(answer.status ?? 200, answer.headers).end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
