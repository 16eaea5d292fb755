// IDENTIFY: who the client is and what it wants (tcp-protocol 8). Checks run in nsqd's order, nothing is applied before a
// check of the same step has passed. DEVIATION(identify-again): a repeated IDENTIFY applies whole; in stock nsqd deliveries and
// heartbeats keep to the first.

import { badBody, identifyFailed } from '../../../lib/protocol/errors.js';
import type { ProtocolError } from '../../../lib/protocol/errors.js';
import { encodeFrame, FRAME_RESPONSE, OK_FRAME } from '../../../lib/protocol/frame.js';
import { GoJsonObject, goJsonText, JsonShapeError } from '../../../lib/protocol/go-json.js';
import { NSQD_VERSION } from '../../version.js';
import { SizedBodyReader } from '../body-reader.js';
import type { BodyReader } from '../body-reader.js';
import type { CommandClient } from './client.js';

const HEARTBEAT_INTERVAL_MS_MIN = 1000;
const OUTPUT_BUFFER_BYTES_MIN = 64;
const MESSAGE_TIMEOUT_MS_MIN = 1000;
const SAMPLE_RATE_MAX = 99;
const DISABLED = -1;

interface Identity {
  readonly clientId: string;
  readonly hostname: string;
  readonly userAgent: string;
  readonly topologyRegion: string;
  readonly topologyZone: string;
  readonly wantsNegotiation: boolean;
  readonly heartbeatIntervalMs: number;
  readonly outputBufferSize: number;
  readonly outputBufferTimeoutMs: number;
  readonly sampleRate: number;
  readonly messageTimeoutMs: number;
  readonly wantsTls: boolean;
  readonly wantsDeflate: boolean;
  readonly deflateLevel: number;
  readonly wantsSnappy: boolean;
}

export function identify(client: CommandClient): BodyReader {
  const { maxBodySize } = client.options;
  return new SizedBodyReader(
    (size) => {
      if (size > maxBodySize) throw badBody(`IDENTIFY body too big ${size} > ${maxBodySize}`);
      if (size <= 0) throw badBody(`IDENTIFY invalid body size ${size}`);
    },
    (bytes, start, end) => {
      const identity = decode(bytes.toString('utf8', start, end));
      apply(client, identity);
      answer(client, identity);
    },
    (isSizeKnown): ProtocolError => badBody(`IDENTIFY failed to read body${isSizeKnown ? '' : ' size'}`),
  );
}

function decode(text: string): Identity {
  try {
    const json = new GoJsonObject(text);
    return {
      clientId: json.string('client_id'),
      hostname: json.string('hostname'),
      userAgent: json.string('user_agent'),
      topologyRegion: json.string('topology_region'),
      topologyZone: json.string('topology_zone'),
      wantsNegotiation: json.boolean('feature_negotiation'),
      heartbeatIntervalMs: json.integer('heartbeat_interval'),
      outputBufferSize: json.integer('output_buffer_size'),
      outputBufferTimeoutMs: json.integer('output_buffer_timeout'),
      sampleRate: json.integer('sample_rate', 32),
      messageTimeoutMs: json.integer('msg_timeout'),
      wantsTls: json.boolean('tls_v1'),
      wantsDeflate: json.boolean('deflate'),
      deflateLevel: json.integer('deflate_level'),
      wantsSnappy: json.boolean('snappy'),
    };
  } catch (error) {
    if (error instanceof JsonShapeError) throw badBody('IDENTIFY failed to decode JSON body');
    throw error;
  }
}

/** A value outside its range, other than the sentinel 0 (keep) and, where there is one, -1 (off). */
function isOutside(value: number, min: number, max: number): boolean {
  return value !== 0 && (value < min || value > Math.trunc(max));
}

function apply(client: CommandClient, identity: Identity): void {
  const { options } = client;
  client.profile.identify(identity);
  const { heartbeatIntervalMs, outputBufferTimeoutMs, outputBufferSize, sampleRate, messageTimeoutMs } = identity;
  if (heartbeatIntervalMs !== DISABLED && isOutside(heartbeatIntervalMs, HEARTBEAT_INTERVAL_MS_MIN, options.maxHeartbeatIntervalMs)) {
    throw badBody(`IDENTIFY heartbeat interval (${heartbeatIntervalMs}) is invalid`);
  }
  if (heartbeatIntervalMs !== 0) client.setHeartbeatInterval(heartbeatIntervalMs === DISABLED ? 0 : heartbeatIntervalMs);
  else client.setHeartbeatInterval(client.profile.heartbeatIntervalMs);
  const { minOutputBufferTimeoutMs, maxOutputBufferTimeoutMs, maxOutputBufferSize } = options;
  if (outputBufferTimeoutMs !== DISABLED && isOutside(outputBufferTimeoutMs, Math.trunc(minOutputBufferTimeoutMs), maxOutputBufferTimeoutMs)) {
    throw badBody(`IDENTIFY output buffer timeout (${outputBufferTimeoutMs}) is invalid`);
  }
  if (outputBufferSize !== DISABLED && isOutside(outputBufferSize, OUTPUT_BUFFER_BYTES_MIN, maxOutputBufferSize)) {
    throw badBody(`IDENTIFY output buffer size (${outputBufferSize}) is invalid`);
  }
  client.profile.setOutputBuffer(outputBufferSize, outputBufferTimeoutMs);
  if (sampleRate < 0 || sampleRate > SAMPLE_RATE_MAX) throw badBody(`IDENTIFY sample rate (${sampleRate}) is invalid`);
  client.sampleRate = sampleRate;
  if (isOutside(messageTimeoutMs, MESSAGE_TIMEOUT_MS_MIN, options.maxMsgTimeoutMs)) {
    throw badBody(`IDENTIFY msg timeout (${messageTimeoutMs}) is invalid`);
  }
  if (messageTimeoutMs !== 0) client.messageTimeoutMs = messageTimeoutMs;
}

function answer(client: CommandClient, identity: Identity): void {
  if (!identity.wantsNegotiation) {
    client.respond(OK_FRAME);
    return;
  }
  const { options } = client;
  const { wantsTls: tls, wantsDeflate: deflate, wantsSnappy: snappy, deflateLevel } = identity;
  const grants = client.grantLayers({ tls, deflate, snappy, deflateLevel });
  if (grants.deflate && grants.snappy) throw identifyFailed('cannot enable both deflate and snappy compression');
  const text = goJsonText({
    max_rdy_count: options.maxRdyCount,
    version: NSQD_VERSION,
    max_msg_timeout: Math.trunc(options.maxMsgTimeoutMs),
    msg_timeout: Math.trunc(client.messageTimeoutMs),
    tls_v1: grants.tls,
    deflate: grants.deflate,
    deflate_level: grants.deflateLevel,
    max_deflate_level: options.maxDeflateLevel,
    snappy: grants.snappy,
    sample_rate: client.sampleRate,
    auth_required: options.authHttpAddresses.length > 0,
    output_buffer_size: client.profile.outputBufferSize,
    output_buffer_timeout: Math.trunc(client.profile.outputBufferTimeoutMs),
    topology_region: options.topologyRegion,
    topology_zone: options.topologyZone,
  });
  client.respond(encodeFrame(FRAME_RESPONSE, Buffer.from(text, 'utf8').toString('latin1')));
  if (grants.tls || grants.deflate || grants.snappy) client.upgradeAfterFlush(grants);
}
