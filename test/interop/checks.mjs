// The names of the checks every client program must report, once each. A check that is not reported counts as failed,
// so a program that ends early cannot pass.

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
  'restart', // daemon stopped with SIGTERM and started again: clients reconnect, nothing is lost
];
