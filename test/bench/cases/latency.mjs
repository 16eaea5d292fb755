// Latency at a fixed rate, from the time a message was meant to be sent to the time its consumer read it. The
// consumer asks for nothing in IDENTIFY, so the daemon's default buffering applies; RDY is above 1, as with any
// consumer that is not slow.

const BODY_BYTES = 200;
const RDY = 200;
const WARMUP_SECONDS = 1;

export const latencyCases = [latencyCase(1_000), latencyCase(20_000)];

function latencyCase(rate) {
  return {
    name: `latency-${rate}`,
    title: `latency at ${rate.toLocaleString('en')} msg/s, default client settings`,
    storage: 'memory',
    run: (bench) => runLatency(bench, rate),
  };
}

async function runLatency(bench, rate) {
  const topic = 'bench';
  await bench.createChannel(topic, 'channel');
  const warmupMessages = rate * WARMUP_SECONDS;
  const messagesTotal = warmupMessages + Math.round((rate * bench.measureMs) / 1000);
  const [received, sent] = await bench.load(
    { kind: 'latency', topic, channel: 'channel', rdy: RDY, messagesTotal, warmupMessages },
    { kind: 'paced', topic, rate, messagesTotal, bodyBytes: BODY_BYTES },
  );
  await bench.expectDrained(topic);
  return { ...received, senderLagP99Ms: sent.senderLagP99Ms };
}
