// Bytes as a DataView, which reads and writes four of them at any offset by one instruction; a typed array does so at multiples
// of four only. To make a view takes as long as to copy some hundred bytes: hot paths make one for many uses.

const WIDE_BYTES = 8;
/** `copyWide` and `repeatWide` may touch so many bytes behind those they are asked to copy. */
export const WIDE_EXCESS_BYTES = WIDE_BYTES - 1;
/** They copy so many bytes at once, and must not read what they have not written yet. */
const REPEAT_DISTANCE_MIN = 4;
const LOOP_BYTES_MAX = 128;

/** All of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Hot path (bench: snappy). Copies `count` bytes, rounded up to a multiple of 8: bytes copied in vain cost the processor less
 * than guessing how often a loop over each of them will run.
 */
export function copyWide(source: DataView, sourceAt: number, target: DataView, targetAt: number, count: number): void {
  for (let at = 0; at < count; at += WIDE_BYTES) {
    target.setInt32(targetAt + at, source.getInt32(sourceAt + at, true), true);
    target.setInt32(targetAt + at + 4, source.getInt32(sourceAt + at + 4, true), true);
  }
}

/** Hot path (bench: snappy, deflate). The same from further in front: where that overlaps, what was just written is repeated. */
export function repeatWide(view: DataView, at: number, distance: number, count: number): void {
  if (distance >= REPEAT_DISTANCE_MIN) copyWide(view, at - distance, view, at, count);
  else copyBytes(view, at - distance, view, at, count);
}

/** Copies exactly `count` bytes, one after the other: within one view, what was just written is repeated. */
export function copyBytes(source: DataView, sourceAt: number, target: DataView, targetAt: number, count: number): void {
  for (let at = 0; at < count; at += 1) target.setUint8(targetAt + at, source.getUint8(sourceAt + at));
}

/** The same for two different views, of any length: for many bytes one call of the engine is faster. */
export function copyApart(source: DataView, sourceAt: number, target: DataView, targetAt: number, count: number): void {
  if (count <= LOOP_BYTES_MAX) return copyBytes(source, sourceAt, target, targetAt, count);
  const bytes = new Uint8Array(source.buffer, source.byteOffset + sourceAt, count);
  new Uint8Array(target.buffer, target.byteOffset + targetAt, count).set(bytes);
}
