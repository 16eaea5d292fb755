// Bytes as a DataView, which reads and writes four of them at any offset by one instruction; a typed array does so at multiples
// of four only. To make a view takes as long as to copy some hundred bytes: hot paths make one for many uses.

const WIDE_BYTES = 8;
const LOOP_BYTES_MAX = 128;

/** All of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Hot path (bench: snappy). Copies `count` bytes, rounded up to a multiple of 8: bytes copied in vain cost the processor less
 * than guessing how often a loop over each of them will run. Within one view the source may overlap the target from 4 bytes
 * or more in front of it: what was just written is then repeated.
 */
export function copyWide(source: DataView, sourceAt: number, target: DataView, targetAt: number, count: number): void {
  for (let at = 0; at < count; at += WIDE_BYTES) {
    target.setInt32(targetAt + at, source.getInt32(sourceAt + at, true), true);
    target.setInt32(targetAt + at + 4, source.getInt32(sourceAt + at + 4, true), true);
  }
}

/** Copies exactly `count` bytes, one after the other: within one view the source may overlap the target from any distance in front. */
export function copyBytes(source: DataView, sourceAt: number, target: DataView, targetAt: number, count: number): void {
  for (let at = 0; at < count; at += 1) target.setUint8(targetAt + at, source.getUint8(sourceAt + at));
}

/** The same for two different views, of any length: for many bytes one call of the engine is faster. */
export function copyApart(source: DataView, sourceAt: number, target: DataView, targetAt: number, count: number): void {
  if (count <= LOOP_BYTES_MAX) return copyBytes(source, sourceAt, target, targetAt, count);
  const bytes = new Uint8Array(source.buffer, source.byteOffset + sourceAt, count);
  new Uint8Array(target.buffer, target.byteOffset + targetAt, count).set(bytes);
}
