// The names of the checks every client program must report, once each. A check that is not reported counts as failed,
// so a program that ends early cannot pass; one that its library cannot do here is reported as skipped.

export const CHECKS = [
  'publish', // PUB, one message per command
  'publish-batch', // MPUB, bodies of every byte value
  'publish-deferred', // DPUB, not delivered before its delay
  'consume', // 10,000 messages over three connections, each exactly once
  'finish', // a finished message does not come back after its timeout
  'requeue', // REQ with a delay, not delivered before it, attempts 2
  'touch', // TOUCH keeps a message beyond its timeout
  'timeout', // an unanswered message comes back, attempts 2
  'pause', // a paused channel delivers nothing, an unpaused one everything
  'tls', // TLS: bodies of all sizes published and consumed, and the daemon shows what the connection is made of
  'snappy', // the same with snappy
  'deflate', // the same with deflate
  'tls-snappy', // the same with snappy inside TLS
  'tls-deflate', // the same with deflate inside TLS
  'restart', // daemon stopped with SIGTERM and started again: clients reconnect, nothing is lost
];

/** Of the same programs, run once more with the argument `auth` against a daemon that asks auth-server.mjs. */
export const AUTH_CHECKS = [
  'auth', // with the right secret: publish and consume, before and after the answer has to be renewed
  'auth-forbidden', // a topic that is not allowed, one that may only be published to, no secret, a wrong one
  'auth-expired', // a publish is refused once the auth server has changed its mind
];
