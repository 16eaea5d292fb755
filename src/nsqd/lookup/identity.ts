// IDENTIFY towards nsqlookupd (nsqlookupd.md 2.3): who this daemon is, and who has answered.

import { hostname } from 'node:os';
import { goJsonText, GoJsonObject } from '../../lib/protocol/go-json.js';
import type { Options } from '../options.js';
import { NSQD_VERSION } from '../version.js';

/** What consumers are told of this daemon. Ports are the broadcast ones, 0 where there is none. */
export type IdentityOptions = Pick<
  Options, 'broadcastAddress' | 'broadcastHttpPort' | 'broadcastTcpPort' | 'topologyRegion' | 'topologyZone'
>;

/** The command with its body, keys in the order of stock nsqd. */
export function identifyCommand(options: IdentityOptions): Buffer {
  const body = Buffer.from(goJsonText({
    broadcast_address: options.broadcastAddress,
    hostname: hostname(),
    http_port: options.broadcastHttpPort,
    tcp_port: options.broadcastTcpPort,
    topology_region: options.topologyRegion,
    topology_zone: options.topologyZone,
    version: NSQD_VERSION,
  }));
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([Buffer.from('IDENTIFY\n'), length, body]);
}

/** What an nsqlookupd tells of itself; the first two say where its HTTP API is. */
export interface PeerInfo {
  readonly broadcastAddress: string;
  readonly httpPort: number;
  readonly tcpPort: number;
  readonly version: string;
}

/** Throws JsonShapeError for anything but a JSON object with members of the right types, e.g. for `E_BAD_BODY ...`. */
export function parsePeerInfo(text: string): PeerInfo {
  const json = new GoJsonObject(text);
  return {
    broadcastAddress: json.string('broadcast_address'),
    httpPort: json.integer('http_port'),
    tcpPort: json.integer('tcp_port'),
    version: json.string('version'),
  };
}
