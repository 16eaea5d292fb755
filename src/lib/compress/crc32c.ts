// CRC-32C (Castagnoli), the checksum inside snappy's framing format: reflected polynomial 0x82f63b78, all bits set at the
// start and flipped at the end. Sixteen tables let one step take sixteen bytes ("slicing by 16"), which is about six times as
// fast as one byte a step, and a quarter faster than eight.

const POLYNOMIAL = 0x82f63b78;
const SLICES = 16;
const MASK_DELTA = 0xa282ead8;

/** Table `n` at offset 256 * n: the checksum of a byte followed by `n` zero bytes. */
const TABLES = buildTables();

function buildTables(): Int32Array {
  const tables = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let index = 256; index < tables.length; index += 1) {
    const previous = tables[index - 256]!;
    tables[index] = (previous >>> 8) ^ tables[previous & 0xff]!;
  }
  return tables;
}

/** Hot path (bench: snappy). The checksum of the bytes from `start` to `end`, unsigned. */
export function crc32c(bytes: DataView, start: number, end: number): number {
  const tables = TABLES;
  let crc = -1;
  let at = start;
  for (const last = end - SLICES; at <= last; at += SLICES) {
    const first = crc ^ bytes.getInt32(at, true);
    crc = fourBytes(tables, 3072, first) ^ fourBytes(tables, 2048, bytes.getInt32(at + 4, true))
      ^ fourBytes(tables, 1024, bytes.getInt32(at + 8, true)) ^ fourBytes(tables, 0, bytes.getInt32(at + 12, true));
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ tables[(crc ^ bytes.getUint8(at)) & 0xff]!;
  return (crc ^ -1) >>> 0;
}

/** What four bytes, the first one lowest, add to the checksum when table `offset` / 256 is that of the last one. */
function fourBytes(tables: Int32Array, offset: number, bytes: number): number {
  return tables[offset + 768 + (bytes & 0xff)]! ^ tables[offset + 512 + ((bytes >>> 8) & 0xff)]!
    ^ tables[offset + 256 + ((bytes >>> 16) & 0xff)]! ^ tables[offset + (bytes >>> 24)]!;
}

/** The form in which snappy stores a checksum: rotated by 15 bits and shifted by a constant. */
export function maskChecksum(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}
