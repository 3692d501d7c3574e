import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { within } from '../../support/deadline.js';
import { folderOfTest } from '../../support/folders.js';
import { findTool } from '../../support/requirements.js';

/** A record as it stands in an answer: its type, and its data as text. */
export interface DnsRecord {
  type: 'A' | 'AAAA' | 'TXT';
  data: string;
}

/** What a name has. */
export type Zone = ReadonlyMap<string, readonly DnsRecord[]>;

const TYPES: Record<number, DnsRecord['type']> = { 1: 'A', 16: 'TXT', 28: 'AAAA' };

/**
 * A message that a server has sent: RFC 1035, section 4.1. Names in it may be compressed; what its records
 * are of is always the name that was asked for.
 */
export function readAnswer(message: Buffer): { code: number; name: string; records: DnsRecord[] } {
  const code = message.readUInt8(3) & 15;
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  at += 1 + 4; // the root, type and class
  const records: DnsRecord[] = [];
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    if (message.readUInt16BE(at) !== 0xc00c) throw new Error('a record of another name');
    const type = TYPES[message.readUInt16BE(at + 2)];
    const length = message.readUInt16BE(at + 10);
    const data = message.subarray(at + 12, at + 12 + length);
    if (type === undefined) throw new Error('a record of another type');
    records.push({ type, data: textOf(type, data) });
    at += 12 + length;
  }
  if (at !== message.length && message.readUInt32BE(8) === 0) throw new Error('bytes behind it');
  return { code, name: labels.join('.'), records };
}

function textOf(type: DnsRecord['type'], data: Buffer): string {
  if (type === 'TXT') return data.toString('latin1', 1);
  if (type === 'A') return data.join('.');
  const words = Array.from({ length: 8 }, (_, i) => data.readUInt16BE(2 * i).toString(16));
  return words.join(':');
}

/** What dnsmasq is told of a zone whose names end with `domain`; what is not in it does not exist. */
function configuration(zone: Zone, domain: string, port: number): string {
  const lines = ['no-resolv', 'no-hosts', 'bind-interfaces', 'listen-address=127.0.0.1'];
  lines.push(`port=${port}`, `local=/${domain}/`, 'user=', 'group=');
  for (const [name, records] of zone) {
    const hosts = records.filter(({ type }) => type !== 'TXT').map(({ data }) => data);
    if (hosts.length > 0) lines.push(`host-record=${[name, ...hosts].join(',')}`);
    for (const { type, data } of records)
      if (type === 'TXT') lines.push(`txt-record=${name},${data}`);
  }
  return `${lines.join('\n')}\n`;
}

export interface DnsServer {
  port: number;
  child: ChildProcess;
}

/** Starts dnsmasq on a port of loopback that nobody has; it ends with the test. */
export async function startDnsServer(zone: Zone, domain: string): Promise<DnsServer> {
  const folder = folderOfTest();
  const file = join(folder, 'dnsmasq.conf');
  for (let attempts = 5; ; attempts--) {
    const port = await freePort();
    writeFileSync(file, configuration(zone, domain, port));
    const args = ['--no-daemon', '--log-facility=-', `--conf-file=${file}`];
    const child = spawn(findTool('dnsmasq') ?? '', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    let said = '';
    const started = new Promise<boolean>((resolve) => {
      child.stderr?.on('data', (text) => {
        said += text;
        if (said.includes('started, version')) resolve(true);
      });
      child.once('close', () => resolve(false));
    });
    if (await within(started, 'dnsmasq that listens')) return { port, child };
    if (attempts === 0 || !said.includes('in use')) throw new Error(`dnsmasq: ${said}`);
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}
