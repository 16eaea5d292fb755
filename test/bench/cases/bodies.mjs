// Bodies from 20 B to 1 MiB: batches in, delivery with FIN out.

import { deliverCase } from './deliver.mjs';
import { publishCase } from './publish.mjs';

const KIB = 1024;
const PUBLISHED_BYTES_MAX = 2048 * KIB * KIB;
const DELIVERED_BYTES = 400 * KIB * KIB;
const MESSAGES_MAX = 9_000_000;
const DELIVERED_MESSAGES_MAX = 2_000_000;

/** So many messages in a batch that it stays below --max-body-size. */
const SIZES = [
  { label: '20b', bodyBytes: 20, messagesPerCommand: 200, window: 8, rdy: 2500 },
  { label: '1k', bodyBytes: KIB, messagesPerCommand: 200, window: 8, rdy: 2500 },
  { label: '64k', bodyBytes: 64 * KIB, messagesPerCommand: 16, window: 4, rdy: 500 },
  { label: '1m', bodyBytes: KIB * KIB, messagesPerCommand: 4, window: 2, rdy: 50 },
];

export const bodyCases = SIZES.flatMap(({ label, bodyBytes, messagesPerCommand, window, rdy }) => {
  const batches = { connections: 1, window, messagesPerCommand, bodyBytes };
  const messagesMax = wholeBatches(Math.min(MESSAGES_MAX, PUBLISHED_BYTES_MAX / bodyBytes), messagesPerCommand);
  const messagesTotal = wholeBatches(Math.min(DELIVERED_MESSAGES_MAX, DELIVERED_BYTES / bodyBytes), messagesPerCommand);
  return [
    publishCase(`body-${label}-in`, `MPUB of ${messagesPerCommand} bodies of ${label}`, { ...batches, messagesMax }),
    deliverCase(`body-${label}-out`, `delivery + FIN of bodies of ${label}`, { ...batches, rdy, messagesTotal }),
  ];
});

function wholeBatches(messages, messagesPerCommand) {
  return Math.floor(messages / messagesPerCommand) * messagesPerCommand;
}
