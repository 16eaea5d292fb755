// Latency at a fixed rate, from the time a message was meant to be sent to the time its consumer read it. The
// consumer asks for nothing in IDENTIFY, so the daemon's default buffering applies; RDY is above 1, as with any consumer
// that is not slow. At RDY 1 stock nsqd buffers nothing, which is the best it can do.

const BODY_BYTES = 200;
const RDY = 100;
/** So many until the daemon's code is compiled, which happens message by message, not by the clock. */
const WARMUP_MESSAGES = 20_000;
const MEASURE_MS_MIN = 5000; // for a p99.9 at the lower rate
const GOALS = [
  { figure: 'p50Ms', below: 0.1 },
  { figure: 'p99Ms', ratioTo: 1, against: 'peer-rdy-1' },
];

export const latencyCases = [latencyCase(1_000), latencyCase(20_000)];

function latencyCase(rate) {
  return {
    name: `latency-${rate}`,
    title: `latency at ${rate.toLocaleString('en')} msg/s, default client settings, RDY ${RDY}`,
    group: 'quick',
    setups: 'latency',
    figure: 'p50Ms',
    goals: GOALS,
    isPaced: true,
    run: (bench) => runLatency(bench, rate),
  };
}

async function runLatency(bench, rate) {
  const topic = 'bench';
  await bench.createChannel(topic, 'channel');
  const warmupMessages = bench.scaled(WARMUP_MESSAGES, 10);
  const measureSeconds = Math.max(bench.sizes.measureMs, MEASURE_MS_MIN) / 1000;
  const messagesTotal = warmupMessages + bench.scaled(rate * measureSeconds, 100);
  const rdy = bench.setup.name === 'peer-rdy-1' ? 1 : RDY;
  const [received, sent] = await bench.load(
    [
      { kind: 'latency', topic, channel: 'channel', rdy, messagesTotal, warmupMessages },
      { kind: 'paced', topic, rate, messagesTotal, bodyBytes: BODY_BYTES },
    ],
    () => bench.expectDrained([topic], messagesTotal),
  );
  return { ...received, senderLagP99Ms: sent.senderLagP99Ms };
}
