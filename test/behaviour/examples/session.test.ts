// examples/session.mjs: a session of two hosts, captured by tcpdump, is replayed with other addresses through
// a router, whose connection tracking judges it, and what comes out of it is read by tshark.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until, within } from '../../support/deadline.js';
import { folderOfFile } from '../../support/folders.js';
import { addPair, ip, ownLinks } from '../../support/links.js';
import { OtherNamespace } from '../../support/other-namespace.js';
import { hasTool, isRoot, needs } from '../../support/requirements.js';
import { output } from '../../support/run.js';
import { run } from './run.js';

const folder = folderOfFile();

const CAPTURED = { client: '198.18.5.1', server: '198.18.5.2' };
const REPLAYED = { client: '198.18.1.9', server: '198.19.1.9' };
const GATEWAYS = { client: '198.18.1.1', server: '198.19.1.1' };
const PORT = 7000;
const REQUEST = randomBytes(5000);
const RESPONSE = randomBytes(200_000);
const QUESTIONS = Array.from({ length: 30 }, (_, i) => `question ${i}.`);
const ANSWERS = QUESTIONS.map((question) => `answer to ${question}`);

/** tcpdump that writes what comes by an interface over IPv4; call the result to have the file. */
async function dump(name: string, ...more: string[]) {
  const file = join(folder, `${name}-${more.length}.pcap`);
  const args = ['-n', '-i', name, '-w', file, '-U', '-B', '16384', '-Z', 'root', ...more];
  const child: ChildProcess = spawn('tcpdump', [...args, '--immediate-mode', 'ip'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stderr?.on('data', (text) => {
    said += text;
  });
  await until(() => said.includes('listening on'), 'tcpdump that listens');
  /** Once these bytes have come, everything before them has. */
  return async (last: string) => {
    let size = 0;
    const came = () => {
      const before = size;
      size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      return size > before && readFileSync(file).includes(last);
    };
    await until(came, `'${last}' at ${name}`, 20_000);
    child.kill('SIGINT');
    await within(once(child, 'exit'), 'the end of tcpdump');
    expect(said).toMatch(/\n0 packets dropped by kernel/);
    return file;
  };
}

/** What client and server really say to each other. */
async function talk(other: OtherNamespace): Promise<void> {
  const program = fileURLToPath(new URL('session-server.mjs', import.meta.url));
  const response = join(folder, 'response');
  writeFileSync(response, RESPONSE);
  const [file = '', ...args] = [...other.prefix, process.execPath, program];
  const server = spawn(file, [...args, CAPTURED.server, `${PORT}`, `${REQUEST.length}`, response], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void server.kill('SIGKILL'));
  await within(once(server.stdout, 'data'), 'the server');
  const connection = connect({ host: CAPTURED.server, port: PORT });
  connection.write(REQUEST);
  let received = 0;
  connection.on('data', ({ length }) => {
    received += length;
  });
  await within(once(connection, 'close'), 'the end of the connection');
  expect(received).toBe(RESPONSE.length);
  const asking = createSocket('udp4');
  for (const question of QUESTIONS) {
    asking.send(question, PORT, CAPTURED.server);
    await within(once(asking, 'message'), 'an answer');
  }
  asking.close();
  server.kill('SIGKILL');
  await once(server, 'exit');
}

const FIELDS = [
  'ip.src',
  'ip.dst',
  'eth.src',
  'eth.dst',
  'ip.checksum.status',
  'tcp.checksum.status',
  'udp.checksum.status',
  'tcp.seq_raw',
  'tcp.flags.syn',
  'tcp.payload',
  'udp.payload',
] as const;
type Row = Record<(typeof FIELDS)[number], string>;
const CHECK = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);

async function asTshark(file: string): Promise<Row[]> {
  const fields = ['-T', 'fields', ...FIELDS.flatMap((field) => ['-e', field])];
  const text = await output(['tshark', '-n', '-r', file, ...CHECK, ...fields]);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const cells = line.split('\t');
      return Object.fromEntries(FIELDS.map((field, i) => [field, cells[i] ?? ''])) as Row;
    });
}

/** What was sent over TCP, put together again by sequence numbers. */
function streamOf(rows: readonly Row[]): Buffer {
  const tcp = rows.filter((row) => row['tcp.seq_raw'] !== '');
  const syn = tcp.find((row) => ['1', 'True'].includes(row['tcp.flags.syn']));
  const begin = Number(syn?.['tcp.seq_raw']) + 1;
  const pieces: Buffer[] = [];
  for (const row of tcp) {
    const bytes = Buffer.from(row['tcp.payload'].replaceAll(':', ''), 'hex');
    const at = (Number(row['tcp.seq_raw']) - begin) >>> 0;
    if (bytes.length > 0) pieces[at] = bytes;
  }
  return Buffer.concat(Object.values(pieces));
}

const tools = ['tcpdump', 'tshark', 'nft'].filter((tool) => !hasTool(tool));

describe('session.mjs between two hosts', ownLinks(), () => {
  it(
    'replays what they said with new addresses, out of an interface for each',
    // tcpdump becomes another user, or root once more, which root of a user namespace cannot.
    needs(isRoot() && tools.length === 0, ['root', ...tools].join(', ')),
    async () => {
      const other = await OtherNamespace.open();
      const client = addPair();
      const server = addPair();
      const links = [client, server].map(({ name, peer }) => {
        const macs = [name, peer].map((end) => JSON.parse(ip(`-j link show ${end}`))[0].address);
        return macs as [own: string, next: string];
      });
      for (const { peer } of [client, server]) other.take(peer);

      ip(`address add ${CAPTURED.client}/24 dev ${client.name}`);
      other.run(`ip address add ${CAPTURED.server}/24 dev ${client.peer}`);
      const captured = await dump(client.name);
      await talk(other);
      const capture = await captured(ANSWERS.at(-1) ?? '');
      // The session is as a machine captures its own: long segments, checksums left to the device.
      const original = await asTshark(capture);
      expect(original.some((row) => row['tcp.payload'].length > 2 * 1500)).toBe(true);
      expect(original.some((row) => row['tcp.checksum.status'] === '0')).toBe(true);

      // From here on nobody but the router has an address.
      ip(`address flush dev ${client.name}`);
      other.run(`ip address flush dev ${client.peer}`);
      const sides = [
        { name: 'client', pair: client, own: links[0]?.[0] },
        { name: 'server', pair: server, own: links[1]?.[0] },
      ] as const;
      for (const { name, pair, own } of sides) {
        other.run(`ip address add ${GATEWAYS[name]}/24 dev ${pair.peer}`);
        other.run(`ip neigh add ${REPLAYED[name]} lladdr ${own} dev ${pair.peer}`);
      }
      other.run('sysctl -q -w net.ipv4.ip_forward=1');
      const rules = join(folder, 'rules');
      writeFileSync(
        rules,
        `table ip judge {
           counter invalid {}
           counter new {}
           counter established {}
           counter wrong {}
           chain forward {
             type filter hook forward priority 0;
             ip saddr != { ${REPLAYED.client}, ${REPLAYED.server} } counter name wrong
             ct state invalid counter name invalid
             ct state new counter name new
             ct state established counter name established
           }
         }`,
      );
      other.run(`nft -f ${rules}`);

      const heard = [await dump(client.name, '-Q', 'in'), await dump(server.name, '-Q', 'in')];
      const words = [capture, '--client', client.name, '--server', server.name];
      const addresses = ['client', 'server'] as const;
      const rewritten = addresses.flatMap((name) => [
        '--address',
        `${CAPTURED[name]}=${REPLAYED[name]}`,
        `--${name}-link`,
        `${links[name === 'client' ? 0 : 1]?.join(',')}`,
      ]);
      const { code, stdout, stderr } = await run('session.mjs', [...words, ...rewritten]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).not.toMatch(/left out|not rewritten/);
      const [, clients, servers] =
        /^client: (\d+) frames; server: (\d+) frames$/m.exec(stdout) ?? [];

      const [atClient = '', atServer = ''] = await Promise.all([
        heard[0]?.(ANSWERS.at(-1) ?? ''),
        heard[1]?.(QUESTIONS.at(-1) ?? ''),
      ]);
      const came = { server: await asTshark(atClient), client: await asTshark(atServer) };
      for (const name of addresses) {
        const rows = came[name];
        const far = name === 'client' ? 'server' : 'client';
        for (const row of rows) {
          expect(row['ip.src']).toBe(REPLAYED[name]);
          expect(row['ip.dst']).toBe(REPLAYED[far]);
          expect(row['ip.checksum.status']).toBe('1');
          expect(row['tcp.checksum.status'] + row['udp.checksum.status']).toBe('1');
        }
        // The router has let all of them pass.
        expect(rows).toHaveLength(Number(name === 'client' ? clients : servers));
        expect(streamOf(rows).equals(name === 'client' ? REQUEST : RESPONSE)).toBe(true);
        const datagrams = rows.map((row) => row['udp.payload'].replaceAll(':', '')).filter(Boolean);
        expect(datagrams.map((hex) => Buffer.from(hex, 'hex').toString())).toEqual(
          name === 'client' ? QUESTIONS : ANSWERS,
        );
      }
      const counters = JSON.parse(other.run('nft -j list counters')).nftables;
      const counts = Object.fromEntries(
        // biome-ignore lint/suspicious/noExplicitAny: what nft prints
        counters.flatMap(({ counter }: any) => (counter ? [[counter.name, counter.packets]] : [])),
      );
      const all = Number(clients) + Number(servers);
      expect(counts).toEqual({ invalid: 0, wrong: 0, new: 2, established: all - 2 });
    },
  );
});
