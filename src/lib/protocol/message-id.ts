// Message ids and timestamps of one topic (engine.md 4): 16 lower-case hex digits of a rising 64-bit number.
//
//   bit   63   62 ........................ 22   21 ......... 12   11 ........ 0
//         0    ts - 1288834974288               node id           sequence          ts = floor(unix ns / 2^20)
//
// Ids rise whatever the wall clock does: when it steps back, or 4096 ids within one ts are used up, ts counts on by itself.
// DEVIATION(steady-ids): stock nsqd stops publishing to the topic until its clock has caught up.

const EPOCH_TS = 1288834974288;
const SEQUENCE_MAX = 4095;
const NANOSECONDS_PER_TS = 1048576;
/** Ids further ahead of the clock than this (about 400 days) are not ours to continue. */
const TS_AHEAD_MAX = 33_000_000_000;
/** Three digits of each sequence number, as the low 24 bits of the id's last word. */
const SEQUENCE_DIGITS = Uint32Array.from({ length: SEQUENCE_MAX + 1 }, (_each, sequence) => {
  return Buffer.from(`0${sequence.toString(16).padStart(3, '0')}`, 'latin1').readUInt32BE() & 0xffffff;
});

export class MessageIdGenerator {
  readonly #nodeId: number;
  #ts = 0;
  #sequence = 0;
  #wallMs = -1;
  #timestampHigh = 0;
  #timestampLow = 0;
  // The digits of the current ts and node id, four to a word; the sequence is missing from the last one.
  #digits0 = 0;
  #digits4 = 0;
  #digits8 = 0;
  #digit12 = 0;

  constructor(nodeId: number) {
    this.#nodeId = nodeId;
  }

  /** Milliseconds since the Unix epoch, for the messages that follow; call it once a turn. */
  setWallClock(wallMs: number): void {
    if (wallMs === this.#wallMs) return;
    this.#wallMs = wallMs;
    const nanoseconds = BigInt(Math.round(wallMs * 1000)) * 1000n;
    this.#timestampHigh = Number(nanoseconds >> 32n);
    this.#timestampLow = Number(nanoseconds & 0xffffffffn);
    const ts = Number(nanoseconds / BigInt(NANOSECONDS_PER_TS));
    if (ts > this.#ts) this.#startTs(ts);
  }

  /** Makes later ids greater than this one, which a former run gave out. Other than valid ids are ignored. */
  continueAfter(id: string): void {
    if (!/^[0-9a-f]{16}$/.test(id)) return;
    const ts = Number(BigInt(`0x${id}`) >> 22n) + EPOCH_TS;
    if (ts >= this.#ts && ts - this.#ts < TS_AHEAD_MAX) this.#startTs(ts + 1);
  }

  /** Hot path (bench: mpub). Writes timestamp, zero attempts and a new id, the 26 bytes in front of a body. */
  writeHeader(view: DataView, at: number): void {
    if (this.#sequence > SEQUENCE_MAX) this.#startTs(this.#ts + 1);
    view.setUint32(at, this.#timestampHigh);
    view.setUint32(at + 4, this.#timestampLow);
    view.setUint16(at + 8, 0);
    view.setUint32(at + 10, this.#digits0);
    view.setUint32(at + 14, this.#digits4);
    view.setUint32(at + 18, this.#digits8);
    view.setUint32(at + 22, this.#digit12 | SEQUENCE_DIGITS[this.#sequence]!);
    this.#sequence += 1;
  }

  #startTs(ts: number): void {
    this.#ts = ts;
    this.#sequence = 0;
    const id = (BigInt(ts - EPOCH_TS) << 22n) | BigInt(this.#nodeId << 12);
    const digits = Buffer.from(id.toString(16).padStart(16, '0'), 'latin1');
    this.#digits0 = digits.readUInt32BE(0);
    this.#digits4 = digits.readUInt32BE(4);
    this.#digits8 = digits.readUInt32BE(8);
    this.#digit12 = digits.readUInt32BE(12) & 0xff000000;
  }
}
