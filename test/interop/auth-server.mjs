// The auth server of the interop suite. A secret decides: `open` may publish and subscribe to topics ending in -auth, and
// only publish to those ending in -outbox; `brief` may the same, but only the first time it is asked about; nobody else may
// anything. Publishing has an empty channel, which must match, too. Answers hold for a second, the shortest time there is.

import { once } from 'node:events';
import { createServer } from 'node:http';

const ANSWER = JSON.stringify({
  ttl: 1,
  identity: 'interop',
  authorizations: [
    { topic: '-auth$', channels: ['^(interop)?$'], permissions: ['publish', 'subscribe'] },
    { topic: '-outbox$', channels: ['.*'], permissions: ['publish'] },
  ],
});

/** Resolves with its address and the way to end it. */
export async function startAuthServer() {
  let briefQuestions = 0;
  const server = createServer((request, response) => {
    const secret = new URL(request.url, 'http://x').searchParams.get('secret');
    if (secret === 'brief') briefQuestions++;
    const isAllowed = secret === 'open' || (secret === 'brief' && briefQuestions === 1);
    response.writeHead(isAllowed ? 200 : 403).end(isAllowed ? ANSWER : '{"message":"NOT_ALLOWED"}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${server.address().port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
