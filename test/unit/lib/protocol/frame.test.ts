import { describe, expect, it } from 'vitest';

import { CLOSE_WAIT_FRAME, encodeFrame, FRAME_ERROR, HEARTBEAT_FRAME, OK_FRAME } from '../../../../src/lib/protocol/frame.js';
import { hex } from '../../../support/bytes.js';

describe('encodeFrame', () => {
  it.each([
    ['OK', OK_FRAME, '00000006 00000000 4f4b'],
    ['_heartbeat_', HEARTBEAT_FRAME, '0000000f 00000000 5f6865617274626561745f'],
    ['CLOSE_WAIT', CLOSE_WAIT_FRAME, '0000000e 00000000 434c4f53455f57414954'],
    ['an error', encodeFrame(FRAME_ERROR, 'E_INVALID'), '0000000d 00000001 455f494e56414c4944'],
    ['no data', encodeFrame(0, ''), '00000004 00000000'],
    ['bytes of a client', encodeFrame(FRAME_ERROR, '\xff\x00'), '00000006 00000001 ff00'],
  ])('%s', (_name, frame, digits) => {
    expect(frame).toEqual(hex(digits));
  });
});
