// Ports as text: a number, or the name of a TCP service, the way Go's net package reads them (options.md 8).

import { readFileSync } from 'node:fs';

const PORT_MAX = 65_535;
const SERVICES_PATH = '/etc/services';

/** The names every Go program knows, whether or not the system lists its services. */
const WELL_KNOWN: ReadonlyMap<string, number> = new Map(Object.entries({
  domain: 53, ftp: 21, ftps: 990, gopher: 70, http: 80, https: 443, imap2: 143, imap3: 220, imaps: 993, pop3: 110,
  pop3s: 995, smtp: 25, submissions: 465, ssh: 22, telnet: 23,
}));

/** 0 for an empty text. Throws with Go's words for one that names no port. */
export function parsePort(text: string): number {
  if (text === '') return 0;
  const port = /^[+-]?\d+$/.test(text) ? Number(text) : servicePort(text);
  if (port < 0 || port > PORT_MAX) throw new Error(`address ${text}: invalid port`);
  return port;
}

function servicePort(name: string): number {
  const key = name.toLowerCase();
  const port = systemServices().get(key) ?? WELL_KNOWN.get(key);
  if (port === undefined) throw new Error(`lookup tcp/${name}: unknown port`);
  return port;
}

function systemServices(): ReadonlyMap<string, number> {
  try {
    return parseServices(readFileSync(SERVICES_PATH, 'utf8'));
  } catch {
    return WELL_KNOWN; // Small systems have no such file.
  }
}

/** The TCP services of a file like /etc/services, lines of `name port/tcp alias...`. Of equal names the first counts. */
export function parseServices(text: string): ReadonlyMap<string, number> {
  const ports = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, portAndProtocol = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    const port = /^(\d+)\/tcp$/.exec(portAndProtocol)?.[1];
    if (name === undefined || port === undefined) continue;
    for (const each of [name, ...aliases]) {
      if (!ports.has(each.toLowerCase())) ports.set(each.toLowerCase(), Number(port));
    }
  }
  return ports;
}
