// Decimal parameters of commands, with the arithmetic of the original: 64 bits that wrap (tcp-protocol 4.4).

/** The unsigned 64-bit value of a run of digits, an empty one being 0; null when there is anything but digits. */
export function parseUint64(text: string): bigint | null {
  if (!/^\d*$/.test(text)) return null;
  return text === '' ? 0n : BigInt.asUintN(64, BigInt(text));
}

/** What a signed 64-bit variable holds after the same bits were put into it. */
export function toInt64(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

/** Milliseconds as signed 64-bit nanoseconds, wrapping. */
export function millisecondsToNanoseconds(milliseconds: bigint): bigint {
  return BigInt.asIntN(64, BigInt.asIntN(64, milliseconds) * 1_000_000n);
}
