// TLS, snappy and deflate: batches in, delivery with FIN out, with bodies like JSON. What is published was compressed
// once, so that compressing costs the load generator nothing; what is delivered it must inflate.

import { deliverCase } from './deliver.mjs';
import { publishCase } from './publish.mjs';

const BATCHES = { connections: 1, window: 8, messagesPerCommand: 200, bodies: 'words' };
const DELIVERY = { connections: 1, messagesPerCommand: 200, messagesTotal: 1_000_000, bodies: 'words' };

export const layerCases = ['tls', 'snappy', 'deflate'].flatMap((layer) => {
  const setups = layer === 'tls' ? 'tls' : 'memory';
  return [
    publishCase(`${layer}-in`, `${layer}: MPUB, 200 x 200 B, 1 connection`, { ...BATCHES, layer }, { setups }),
    deliverCase(`${layer}-out`, `${layer}: delivery + FIN, RDY 2500, 1 connection`, { ...DELIVERY, layer }, { setups }),
  ];
});
