// Delivery with FIN: the channel is filled first, then drained with RDY 2500; all the FINs of one read go out in one
// write, or each in its own.

const MESSAGES_TOTAL = 2_000_000;
const WARMUP_SHARE = 0.1;
const FILES_OF_A_PROCESS = 100;

const SHAPE = { connections: 1, rdy: 2500, bodyBytes: 200, messagesTotal: MESSAGES_TOTAL, messagesPerCommand: 200 };

export const deliverCases = [
  deliverCase('delivery-1', 'delivery + FIN, RDY 2500, 1 connection', SHAPE, {
    group: 'quick',
    goals: [{ figure: 'perSecond', ratioFrom: 2.5 }, { figure: 'cpuUsPerMessage', ratioTo: 0.4 }],
  }),
  deliverCase('delivery-2', 'delivery + FIN, RDY 2500, 2 connections', { ...SHAPE, connections: 2 }, {
    goals: [{ figure: 'perSecond', ratioFrom: 2.5 }, { figure: 'cpuUsPerMessage', ratioTo: 0.4 }],
  }),
  deliverCase('delivery-each-1', 'delivery, each FIN in a write of its own, 1 connection', {
    ...SHAPE,
    finsPerWrite: 1,
    messagesTotal: 500_000,
  }),
  deliverCase('delivery-each-2', 'delivery, each FIN in a write of its own, 2 connections', {
    ...SHAPE,
    finsPerWrite: 1,
    connections: 2,
    messagesTotal: 500_000,
  }),
  deliverCase('delivery-5000', 'delivery + FIN, RDY 10, 5,000 connections', { ...SHAPE, connections: 5000, rdy: 10 }, {
    filesMin: 5000 + FILES_OF_A_PROCESS,
  }),
];

/** `shape`: connections, rdy, finsPerWrite, bodyBytes, bodies, layer, messagesTotal, messagesPerCommand (of the filling). */
export function deliverCase(name, title, shape, extra = {}) {
  return { name, title, group: 'full', setups: 'memory', figure: 'perSecond', goals: [], ...extra, run };

  async function run(bench) {
    const topic = 'bench';
    const { rdy, finsPerWrite, layer, bodyBytes, bodies, messagesPerCommand } = { ...SHAPE, ...shape };
    const messagesTotal = bench.scaled(shape.messagesTotal / messagesPerCommand, 20) * messagesPerCommand;
    await bench.createChannel(topic, 'channel');
    await bench.fill({ topics: [topic], messagesTotal, bodyBytes, bodies, messagesPerCommand });
    await bench.expectPublished([topic], messagesTotal);
    const subscriptions = Array.from({ length: bench.scaled(shape.connections) }, () => [topic, 'channel']);
    const counts = { warmupMessages: Math.floor(messagesTotal * WARMUP_SHARE), messagesTotal };
    const job = { kind: 'consume', subscriptions, rdy, finsPerWrite, layer, ...counts };
    const [result] = await bench.load([job], () => bench.expectDrained([topic], messagesTotal));
    return result;
  }
}
