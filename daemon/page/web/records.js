// The binary messages of /features, as objects (the layout: daemon/page/page_protocol.hpp).

export const ROWS = 1, GAP = 2, STARTED = 3, ENDED = 4;
const HEADER_BYTES = 40;

/** Yields each record; the values of rows are a view into the message. */
export function* records(buffer) {
  const view = new DataView(buffer);
  let at = 0;
  while (at + HEADER_BYTES <= buffer.byteLength) {
    const record = {
      kind: view.getUint8(at),
      slot: view.getUint8(at + 1),
      reason: view.getUint8(at + 2),
      flags: view.getUint8(at + 3),
      generation: view.getUint16(at + 4, true),
      nValues: view.getUint16(at + 6, true),
      nRows: view.getUint32(at + 8, true),
      firstFrame: Number(view.getBigInt64(at + 16, true)),
      firstSample: Number(view.getBigInt64(at + 24, true)),
    };
    const extra = at + 32;
    at += HEADER_BYTES;
    if (record.kind === ROWS) {
      record.values = new Float32Array(buffer, at, record.nRows * record.nValues);
      at += record.values.byteLength;
    } else if (record.kind === GAP) {
      record.nFrames = Number(view.getBigInt64(extra, true));
    } else if (record.kind === STARTED) {
      record.epoch = view.getBigUint64(extra, true).toString();
    }
    yield record;
  }
}
