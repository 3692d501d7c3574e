// examples/dns-load.mjs against a server of Debian's, and against one that answers wrongly.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ownNamespace } from '../../../rig/index.mjs';
import { folderOfFile } from '../../support/folders.js';
import { canMakeNamespaces, hasTool, needs } from '../../support/requirements.js';
import { type DnsRecord, readAnswer, startDnsServer } from './dns-server.js';
import { run } from './run.js';

const folder = folderOfFile();

const DOMAIN = 'zone.test';
const NXDOMAIN = 3;
const ZONE = new Map<string, DnsRecord[]>();
const NAMES: string[] = [];
for (let i = 0; i < 150; i++) {
  const name = `host${i}.${DOMAIN}`;
  const v4: DnsRecord = { type: 'A', data: `198.18.${i >> 4}.${i}` };
  const v6: DnsRecord = { type: 'AAAA', data: `2001:2:0:0:0:0:${(i + 1).toString(16)}:1` };
  ZONE.set(name, i % 3 === 0 ? [v4] : [v4, v6]);
  NAMES.push(name, `${name} AAAA`);
  if (i % 10 > 0) continue;
  ZONE.set(`text${i}.${DOMAIN}`, [{ type: 'TXT', data: `text of ${i}` }]);
  NAMES.push(`text${i}.${DOMAIN} TXT`, `none${i}.${DOMAIN}`);
}

interface Line {
  query: number;
  name: string;
  answer: string | null;
  ms?: number;
}

/** What the example prints, and its log, in the order of queries. */
async function load(port: number, ...more: (string | { prefix: string[] })[]) {
  const options = more.filter((one) => typeof one === 'string');
  const prefix = more.flatMap((one) => (typeof one === 'string' ? [] : one.prefix));
  const names = join(folder, 'names.txt');
  const log = join(folder, 'log');
  writeFileSync(names, `${NAMES.join('\n')}\n`);
  const to = ['--server', `127.0.0.1:${port}`, '--names', names, '--log', log];
  const { code, stdout, stderr } = await run('dns-load.mjs', [...to, ...options], prefix);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  const seen = lines.map((line): Line => JSON.parse(line)).sort((a, b) => a.query - b.query);
  return { stdout, seen };
}

/** The queries of a log are those of the list, each once. */
function expectAll(seen: readonly Line[], count: number): void {
  expect(seen.map(({ query, name }) => ({ query, name }))).toEqual(
    Array.from({ length: count }, (_, query) => ({ query, name: NAMES[query % NAMES.length] })),
  );
}

describe('dns-load.mjs against dnsmasq', needs(hasTool('dnsmasq'), 'the program dnsmasq'), () => {
  it('asks for what is in the list at its rate, and has the answers of the zone', async () => {
    const { port } = await startDnsServer(ZONE, DOMAIN);
    const count = 2000;
    // A machine that is busy may take long for an answer; so few queries at a time find room at the server.
    const options = ['--rate', '3000', '--timeout', '10000', '--window', '100'];
    const { stdout, seen } = await load(port, '--count', `${count}`, ...options);
    expectAll(seen, count);
    let missing = 0;
    for (const { name: asked, answer, ms } of seen) {
      const [name = '', type = 'A'] = asked.split(' ');
      const records = ZONE.get(name);
      if (records === undefined) missing++;
      expect(readAnswer(Buffer.from(answer ?? '', 'hex'))).toEqual({
        code: records === undefined ? NXDOMAIN : 0,
        name,
        records: records?.filter((record) => record.type === type) ?? [],
      });
      expect(ms).toBeGreaterThan(0);
    }
    expect(missing).toBeGreaterThan(0);
    expect(stdout).toContain(
      `${count} answers: NOERROR ${count - missing}, NXDOMAIN ${missing}\n` +
        '0 lost; 0 refused: none; 0 that fit no query\n',
    );
    const [, seconds] = /^2000 queries in ([\d.]+) s: .* of 3000\.0, late/.exec(stdout) ?? [];
    // None before it is due: the last of 2000, but for a burst.
    expect(Number(seconds)).toBeGreaterThan(0.62);
  });

  it('counts as lost what the server does not answer', async () => {
    const { port, child } = await startDnsServer(ZONE, DOMAIN);
    child.kill('SIGSTOP');
    const options = ['--rate', '2000', '--count', '100', '--timeout', '20'];
    const { stdout, seen } = await load(port, ...options);
    expectAll(seen, 100);
    expect(seen.every(({ answer }) => answer === null)).toBe(true);
    expect(stdout).toContain('0 answers: none\n100 lost; 0 refused: none; 0 that fit');
  });
});

describe('dns-load.mjs', () => {
  it('takes an answer once, and only with the id and the question of its query', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const asked: Buffer[] = [];
    server.on('message', (query, { address, port }) => {
      const number = asked.push(query) - 1;
      const reply = (change: (answer: Buffer) => unknown) => {
        const answer = Buffer.from(query);
        answer[2] = 0x81;
        change(answer);
        server.send(answer, port, address);
      };
      reply((answer) => answer.writeUInt16BE(number + 5000, 0)); // an id that nobody uses
      reply((answer) => answer.write('x', 13)); // another question
      reply((answer) => answer.writeUInt8(1, 2)); // a query
      if (number % 4 > 0) reply(() => {});
      if (number % 4 === 2) reply(() => {}); // once more
    });
    const { port } = server.address();
    const options = ['--rate', '500', '--count', '40', '--timeout', '1500'];
    const { stdout, seen } = await load(port, ...options);
    expectAll(seen, 40);
    expect(asked.map((query) => query.readUInt16BE(0))).toEqual(asked.map((_, i) => i));
    for (const [i, { answer }] of seen.entries()) {
      const wanted = Buffer.from(asked[i] ?? '');
      wanted[2] = 0x81;
      expect(answer).toBe(i % 4 > 0 ? wanted.toString('hex') : null);
    }
    expect(stdout).toContain('30 answers: NOERROR 30\n10 lost; 0 refused: none; 130 that fit');
  });

  it('goes on where nobody listens', async () => {
    const closed = createSocket('udp4').bind(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address();
    closed.close();
    const { stdout, seen } = await load(port, '--count', '100', '--timeout', '20');
    expectAll(seen, 100);
    expect(stdout).toContain('0 answers: none\n100 lost; 0 refused: none; 0 that fit');
  });

  const firewalls = canMakeNamespaces() && hasTool('nft');
  it(
    'goes on where the kernel refuses its queries, and says why',
    needs(firewalls, 'making network namespaces, and the program nft'),
    async () => {
      const output = 'type filter hook output priority 0;';
      const rules = `table ip t { chain c { ${output} udp dport 53 drop; }; }`;
      const block = ['sh', '-c', `nft '${rules}' && exec "$@"`, 'sh'];
      const firewall = [...ownNamespace(['link set lo up']), ...block];
      const { stdout, seen } = await load(53, '--count', '50', { prefix: firewall });
      expectAll(seen, 50);
      expect(stdout).toContain('0 answers: none\n0 lost; 50 refused: EPERM 50; 0 that fit');
    },
  );
});
