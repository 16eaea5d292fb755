// The same as publish.mjs and deliver.mjs with every message on disk: ours with --durability=disk (an OK means that the
// record was handed to the file), stock nsqd with --mem-queue-size=0.

import { deliverCase } from './deliver.mjs';
import { publishCase } from './publish.mjs';

export const diskCases = [
  publishCase(
    'disk-mpub',
    'disk: MPUB, 200 x 200 B, 1 connection',
    { connections: 1, window: 8, messagesPerCommand: 200 },
    'disk',
  ),
  publishCase(
    'disk-pub-100',
    'disk: PUB, 1 connection, 100 outstanding',
    { connections: 1, window: 100, messagesPerCommand: 1 },
    'disk',
  ),
  deliverCase('disk-deliver', 'disk: delivery + FIN, RDY 2500, 1 connection', 1, 'disk'),
];
