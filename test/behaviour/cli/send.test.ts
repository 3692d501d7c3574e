import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { compile, readCapture, template } from 'zerosend/generator';
import { ownNamespace } from '../../../rig/index.mjs';
import { needsRig } from '../../rig/needs.js';
import { folderOfFile } from '../../support/folders.js';
import { canMakeNamespaces, findTool, hasTool, isRoot, needs } from '../../support/requirements.js';
import { output } from '../../support/run.js';
import { INTACT, Wire } from '../generator/support/wire.js';
import { framesOf } from './frames.js';
import { atTerminal, pipe, Running, screen, zerosend } from './shell.js';

const SEND = [process.execPath, zerosend, 'send'];
const INSIDE = { address: '127.0.0.1' };

// biome-ignore lint/suspicious/noExplicitAny: what is in the document is what is tested
type Json = any;

/** Runs the command to its good end; what it printed as JSON. */
async function json(args: readonly string[], prefix: readonly string[] = []): Promise<Json> {
  const { code, stdout, stderr } = await pipe([...prefix, ...SEND, ...args, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

const folder = folderOfFile();

/** A receiver of datagrams that is not ours. */
async function hearDatagrams(family: 4 | 6 = 4) {
  const socket = createSocket({ type: `udp${family}`, recvBufferSize: 8 << 20 });
  onTestFinished(() => void socket.close());
  const heard: Buffer[] = [];
  socket.on('message', (message) => heard.push(message));
  const address = family === 4 ? INSIDE.address : '::1';
  socket.bind(0, address);
  await once(socket, 'listening');
  const { port } = socket.address();
  const to = family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
  const until = async (count: number) => {
    while (heard.length < count) await once(socket, 'message');
    return heard;
  };
  return { to, heard, until };
}

describe('zerosend send, datagrams', () => {
  it('sends as many as asked for, each as it was described', async () => {
    const { to, until } = await hearDatagrams(); // whose buffer holds all of them: none is lost
    const report = await json([
      ...[to, '--count', '500', '--rate', '5000', '--size', '100', '--payload', 'knock'],
      ...[
        '-f',
        'payload@5:4=counter',
        '-f',
        'payload@9:2=53,123,443',
        '-f',
        'payload@11:1=9..0..3',
      ],
    ]);
    const heard = await until(500);
    for (const [k, datagram] of heard.entries()) {
      expect(datagram.length).toBe(100);
      expect(datagram.toString('latin1', 0, 5)).toBe('knock');
      expect(datagram.readUInt32BE(5)).toBe(k);
      expect(datagram.readUInt16BE(9)).toBe([53, 123, 443][k % 3]);
      expect(datagram[11]).toBe([9, 6, 3, 0][k % 4]);
      expect(datagram.subarray(12).every((byte) => byte === 0)).toBe(true);
    }
    expect(report).toMatchObject({
      command: 'send',
      ok: true,
      interrupted: false,
      error: null,
      ended: 'count',
      packets: 500,
      bytes: 50_000,
      sends: 500,
      failed: 0,
      unfinished: 0,
      pacing: { asked: 5000 },
      target: { packets: 500, rate: { packetsPerSecond: 5000 }, workers: 1 },
    });
    // No faster than the rate: k packets take (k - 1) / rate, but for a burst that catches up.
    expect(report.seconds).toBeGreaterThan(0.09);
    const { zerocopy, copied, inline } = report.outcomes;
    expect(zerocopy + copied + inline).toBe(500);
    const { count, p50, p99, max } = report.latency;
    expect(count).toBe(500);
    expect(p50).toBeGreaterThan(0);
    expect(p99).toBeGreaterThanOrEqual(p50);
    expect(max).toBeGreaterThanOrEqual(p99 * 0.99);
  });

  it('sends trains that the kernel cuts, over IPv6, the last one shorter', async () => {
    const { to, until } = await hearDatagrams(6);
    const args = ['--segment', '1000', '--size', '5000', '--count', '13', '--zero-copy', 'always'];
    const report = await json([to, ...args, '-f', 'payload@0:4=counter']);
    const heard = await until(13);
    expect(heard.map((datagram) => datagram.readUInt32BE(0))).toEqual([...Array(13).keys()]);
    expect(heard.every(({ length }) => length === 1000)).toBe(true);
    expect(report).toMatchObject({ packets: 13, sends: 3, bytes: 13_000 });
    expect(report.outcomes.inline).toBe(0);
  });

  it('shares the packets among workers', async () => {
    const { to, until } = await hearDatagrams();
    const args = ['--workers', '3', '--count', '300', '--size', '50', '--rate', '3000'];
    const report = await json([to, ...args, '-f', 'payload@0:4=counter']);
    const numbers = (await until(300)).map((datagram) => datagram.readUInt32BE(0));
    expect(numbers.sort((a, b) => a - b)).toEqual([...Array(300).keys()]);
    expect(report).toMatchObject({ packets: 300, sends: 300 });
    expect(report.workers.map(({ packets }: Json) => packets)).toEqual([100, 100, 100]);
    const { zerocopy, copied, inline } = report.outcomes;
    expect(zerocopy + copied + inline).toBe(300);
  });

  it('sends from the address and port asked for', async () => {
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    socket.bind(0, INSIDE.address);
    await once(socket, 'listening');
    const heard = once(socket, 'message');
    await json([`127.0.0.1:${socket.address().port}`, '--count', '1', '--source', '127.0.0.77']);
    const [, from] = await heard;
    expect(from.address).toBe('127.0.0.77');
  });

  it('says that nobody listens', async () => {
    const socket = createSocket('udp4');
    socket.bind(0, INSIDE.address);
    await once(socket, 'listening');
    const { port } = socket.address();
    await new Promise<void>((resolve) => void socket.close(resolve));
    const args = [`127.0.0.1:${port}`, '--count', '500', '--rate', '2000'];
    const { code, stderr } = await pipe([...SEND, ...args]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/\d+ ICMP errors came back/);
  });
});

describe('zerosend send, a stream', () => {
  async function hearStream() {
    const chunks: Buffer[] = [];
    const ended: (() => void)[] = [];
    const whole = new Promise<Buffer>((resolve) =>
      ended.push(() => resolve(Buffer.concat(chunks))),
    );
    const server = createServer((peer) => {
      peer.on('data', (chunk: Buffer) => chunks.push(chunk));
      peer.on('end', () => ended[0]?.());
      peer.on('error', () => {});
    });
    onTestFinished(() => void server.close());
    server.listen(0, INSIDE.address);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    return { to: `127.0.0.1:${port}`, whole, server };
  }

  it('sends every byte, in order', async () => {
    const { to, whole } = await hearStream();
    const args = [
      '--protocol',
      'tcp',
      '--size',
      '20000',
      '--count',
      '500',
      '--zero-copy',
      'always',
    ];
    const report = await json([to, ...args, '-f', 'payload@0:4=counter']);
    const stream = await whole;
    expect(stream.length).toBe(500 * 20_000);
    for (let k = 0; k < 500; k++) {
      expect(stream.readUInt32BE(k * 20_000)).toBe(k);
      expect(stream.subarray(k * 20_000 + 4, (k + 1) * 20_000).every((byte) => byte === 0)).toBe(
        true,
      );
    }
    expect(report).toMatchObject({ ok: true, packets: 500, bytes: stream.length, unfinished: 0 });
    expect(report.outcomes.copied).toBe(500); // loopback
  });

  it('keeps a rate in bits, and ends in time', async () => {
    const { to, whole } = await hearStream();
    const args = ['--protocol', 'tcp', '--size', '1000', '--rate', '8Mbit', '--seconds', '500ms'];
    const report = await json([to, ...args]);
    expect(report).toMatchObject({ ended: 'seconds', pacing: { asked: 1000 } });
    expect((await whole).length).toBe(report.bytes);
    expect(report.packets).toBeLessThanOrEqual(report.seconds * 1000 + 1);
    expect(report.packets).toBeGreaterThan(0);
  });

  it('has a connection for each worker', async () => {
    const streams: Buffer[][] = [];
    const server = createServer((peer) => {
      const chunks: Buffer[] = [];
      streams.push(chunks);
      peer.on('data', (chunk: Buffer) => chunks.push(chunk));
    });
    onTestFinished(() => void server.close());
    server.listen(0, INSIDE.address);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const args = ['--protocol', 'tcp', '--workers', '3', '--size', '5000', '--count', '301'];
    const report = await json([`127.0.0.1:${port}`, ...args, '-f', 'payload@0:4=counter']);
    const length = () => streams.flat().reduce((sum, chunk) => sum + chunk.length, 0);
    while (length() < 301 * 5000) await sleep(10);
    const each = streams.map((chunks) => {
      const stream = Buffer.concat(chunks);
      return Array.from({ length: stream.length / 5000 }, (_, i) => stream.readUInt32BE(5000 * i));
    });
    // Each in order, and each number once.
    for (const numbers of each) expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(each.map(({ length }) => length).sort()).toEqual([100, 100, 101]);
    const all = each.flat().sort((a, b) => a - b);
    expect(all).toEqual([...Array(301).keys()]);
    expect(report).toMatchObject({ ok: true, packets: 301, bytes: 301 * 5000, unfinished: 0 });
    expect(report.workers).toHaveLength(3);
  });

  it('says that nobody listens to one of several workers', async () => {
    const { to, server } = await hearStream();
    await new Promise((resolve) => server.close(resolve));
    const args = ['--protocol', 'tcp', '--workers', '2'];
    const { code, stderr } = await pipe([...SEND, to, ...args]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/worker \d: connect ECONNREFUSED/);
  });

  it('fails when the peer resets the connection, with what was sent until then', async () => {
    const { to, server } = await hearStream();
    server.on('connection', (peer) => peer.once('data', () => peer.resetAndDestroy()));
    const { code, stdout, stderr } = await pipe([...SEND, to, '--protocol', 'tcp', '--json']);
    expect(code, stderr).toBe(1);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ ok: false, ended: 'error' });
    expect(['ECONNRESET', 'EPIPE']).toContain(report.error.code);
    expect(report.packets).toBeGreaterThan(0);
  });

  it('says that nobody listens', async () => {
    const { to, server } = await hearStream();
    await new Promise((resolve) => server.close(resolve));
    const { code, stdout, stderr } = await pipe([...SEND, to, '--protocol', 'tcp', '--json']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/ECONNREFUSED/);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'ECONNREFUSED' } });
  });
});

describe('zerosend send, frames over veth', await needsRig('veth'), () => {
  let wire: Wire;
  beforeAll(async () => {
    wire = await Wire.set('veth', { here: false });
  });
  afterAll(() => wire?.dispose());

  const frames = (args: readonly string[]) => framesOf(wire, 'send', args);
  const MACS = ['--source-mac', '02:00:00:00:00:01', '--destination-mac', '02:00:00:00:00:02'];

  it.each(['packet', 'xdp'])('--%s: sends each frame as it was described', async (kind) => {
    const { heard, got, report } = await frames([
      ...[`--${kind}`, wire.rig.senderInterface.name, '198.18.0.2:53', '--count', '3000'],
      ...['--rate', '20k', '--size', '120', ...MACS, '--source', '198.18.0.9:4000'],
      ...['-f', 'payload@0:4=counter', '-f', 'ipv4.source=198.18.1.0..198.18.1.254'],
      ...['-f', 'udp.source=random:1024..65535', '--seed', '7', '-f', 'ipv4.ttl=1,64,255'],
    ]);
    const made = compile(
      template({
        ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
        ipv4: { source: '198.18.0.9', destination: '198.18.0.2' },
        udp: { source: 4000, destination: 53 },
        length: 120,
      }),
      [
        { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} },
        { target: 'ipv4.source', counter: { start: '198.18.1.0', count: 255 } },
        { target: 'udp.source', random: { seed: 9, min: 1024, max: 65_535 } },
        { target: 'ipv4.ttl', list: [1, 64, 255] },
      ],
    );
    const bytes = Buffer.alloc(made.length);
    made.init(bytes);
    const wrong = got.filter((frame) => {
      made.stamp(bytes);
      return !frame.equals(bytes);
    });
    expect(wrong).toHaveLength(0);
    expect(heard).toMatchObject({ ...INTACT, frames: 3000, unique: 3000 });
    expect(report).toMatchObject({ ok: true, packets: 3000, bytes: 3000 * 120, failed: 0 });
  });

  it.each([
    ['IPv6 and TCP, tagged', ['[2001:2::2]:80', '--protocol', 'tcp', '--vlan', '7']],
    ['IPv4 and TCP', ['198.18.0.2:80', '--protocol', 'tcp', '--size', '1500']],
    ['IPv6 and UDP', ['2001:2::2', '--payload', 'a text that is longer than 64 bytes'.repeat(3)]],
  ])('sends %s, with right checksums', async (_name, args) => {
    const numbered = ['-f', 'payload@0:4=0..', '--count', '200', '--rate', '20k'];
    const { heard } = await frames([
      ...['--packet', wire.rig.senderInterface.name, ...args, ...numbered],
      ...(args.includes('--payload') ? [] : ['--size', '200']),
      ...MACS,
    ]);
    expect(heard).toMatchObject({ ...INTACT, frames: 200, unique: 200 });
  });

  it('takes the addresses of the interface and of the neighbour, where they are known', async () => {
    const { sender, senderInterface, receiverAddress, senderAddress } = wire.rig;
    const neighbour = ['neigh', 'replace', receiverAddress.v4, 'lladdr', '02:00:00:00:00:02'];
    await sender.run('ip', [...neighbour, 'dev', senderInterface.name, 'nud', 'permanent']);
    const { heard, got, stderr } = await frames([
      ...['--packet', senderInterface.name, receiverAddress.v4, '--count', '5'],
      ...['-f', 'payload@0:4=counter'],
    ]);
    expect(heard).toMatchObject({ ...INTACT, frames: 5 });
    expect(stderr).not.toMatch(/knows no Ethernet address/);
    const [frame] = got as [Buffer];
    expect(frame.toString('hex', 6, 12)).toBe(senderInterface.mac.replaceAll(':', ''));
    expect([...frame.subarray(26, 30)].join('.')).toBe(senderAddress.v4);
  });

  it('sends what a file describes', async () => {
    const file = join(folder, 'packet.json');
    const packet = {
      ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
      ipv4: { source: '198.18.0.1', destination: '198.18.0.2', options: { hex: '01010100' } },
      tcp: { source: 1, destination: 2, flags: ['syn'] },
      payload: { hex: '00000000deadbeef' },
    };
    const fields = ['payload@0:4=counter', { target: 'tcp.sequence', counter: { step: 10 } }];
    writeFileSync(file, JSON.stringify({ ...packet, fields }));
    const name = wire.rig.senderInterface.name;
    const { heard, got } = await frames(['--packet', name, '--template', file, '--count', '20']);
    expect(heard).toMatchObject({ ...INTACT, frames: 20, unique: 20 });
    for (const [k, frame] of got.entries()) {
      expect(frame.length).toBe(14 + 24 + 20 + 8);
      expect(frame.readUInt32BE(14 + 24 + 4)).toBe(10 * k);
      expect(frame.subarray(-4).toString('hex')).toBe('deadbeef');
      expect(frame[14 + 24 + 13]).toBe(2);
    }
  });

  it('has a frame cut into segments', async () => {
    const before = await wire.transmitted();
    const name = wire.rig.senderInterface.name;
    const args = ['198.18.0.2:9', '--protocol', 'tcp', '--size', '14054', '--segment', '1400'];
    const { report } = await frames(['--packet', name, ...args, '--count', '50', ...MACS]);
    expect(report).toMatchObject({ ok: true, packets: 50, bytes: 50 * 14_054, failed: 0 });
    const after = await wire.transmitted();
    expect(after.packets - before.packets).toBeGreaterThanOrEqual(50);
  });
});

const inSink = needs(canMakeNamespaces(), 'making network namespaces');
const SINK = 'zsx0';
const sink = () => ownNamespace([`link add ${SINK} type ifb`, `link set ${SINK} up`]);

describe('zerosend send, in a network namespace', inSink, () => {
  it('prints a line a second, and a report, into a pipe', async () => {
    const args = ['--packet', SINK, '198.18.0.2:9', '--rate', '1000', '--seconds', '2.5'];
    const { code, stdout, stderr } = await pipe([...sink(), ...SEND, ...args]);
    expect(code, stderr).toBe(0);
    const lines = stdout.trim().split('\n');
    const progress = lines.filter((line) =>
      / in flight {2}0% copied {2}p99 .* {2}pool \d+\/1024$/.test(line),
    );
    expect(progress.length).toBeGreaterThanOrEqual(2);
    expect(progress.length).toBeLessThanOrEqual(4);
    expect(stdout).not.toContain('\x1b');
    expect(stdout).toContain(`frames of 64 bytes through ${SINK} (transmit ring)\n`);
    expect(stdout).toMatch(/^sent [\d,]+ packets, .* in 2\.\d\d s: [\d,]+ packets\/s/m);
    expect(stdout).toMatch(/^[\d,]+ of [\d,]+ ids completed: 100% without a copy/m);
    expect(stdout).toMatch(/^the rate of 1,000 packets\/s was kept but for/m);
    expect(stdout).toMatch(/^completed within .* \(p50\), .* \(p99\), .* \(max\)$/m);
    expect(stderr).toMatch(/knows no Ethernet address of 198\.18\.0\.2:9/);
  });

  it('Ctrl-C ends it with the report', async () => {
    const args = ['--packet', SINK, '198.18.0.2:9', '--rate', '1000'];
    const running = new Running([...sink(), ...SEND, ...args]);
    await running.printed(/in flight/);
    running.child.kill('SIGINT');
    const { code, stdout } = await running.ended();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^sent [1-9][\d,]* packets/m);
    expect(stdout).toContain('Ended early, by a signal.');
  });

  it(
    'draws in place on a terminal, and leaves the report there',
    needs(hasTool('script'), 'script(1)'),
    async () => {
      const args = ['--packet', SINK, '198.18.0.2:9', '--rate', '1000', '--seconds', '30'];
      const running = atTerminal([...sink(), ...SEND, ...args]);
      await running.printed(/late[\s\S]*late[\s\S]*late/);
      await running.printed(/latency[^\n]* p50 [\d.]+ .s, p99 [\d.]+ .s, max/);
      await running.printed(/pool[^\n]* [█░]+ [\d,]+ of 1,024 free/);
      running.type('\x03');
      const { code, stdout } = await running.ended();
      expect(code).toBe(0);
      expect(stdout).toContain('\x1b[');
      expect(stdout).toMatch(/█*░+ \d\.\d s of 30 s/);
      const left = screen(stdout).join('\n');
      expect(left).not.toMatch(/in flight +\d+ ids/);
      expect(left).toMatch(/sent [1-9][\d,]* packets/);
      expect(left).toContain('Ended early, by a signal.');
    },
  );

  it('waits while the interface is down, says so, and Ctrl-C ends that too', async () => {
    const down = ownNamespace([`link add ${SINK} type ifb`]);
    const running = new Running([...down, ...SEND, '--packet', SINK, '198.18.0.2:9']);
    await running.printed(/LINK_DOWN/, 'stderr');
    await running.printed(/ 1,024 in flight .* 1,024 late$/m);
    running.child.kill('SIGINT');
    const { code, stdout } = await running.ended();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^NOT RIGHT: [\d,]+ of [\d,]+ sends have not completed$/m);
  });

  it.each(['1', '2'])('Ctrl-C ends %s workers also while they connect', async (workers) => {
    const network = ownNamespace([
      ...[`link add ${SINK} type ifb`, `address add 198.18.0.1/24 dev ${SINK}`],
      `link set ${SINK} up`,
    ]);
    const args = ['198.18.0.2:9', '--protocol', 'tcp', '--workers', workers, '--json'];
    const running = new Running([...network, ...SEND, ...args]);
    const sockets = `/proc/${running.child.pid}/net/tcp`;
    const remote = '020012C6:0009 02'; // 198.18.0.2, port 9, SYN_SENT
    while (!readFileSync(sockets, 'latin1').includes(remote)) await sleep(20);
    running.child.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended();
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, interrupted: true, packets: 0 });
  });

  it('says which interface there is not', async () => {
    const { code, stderr } = await pipe([...sink(), ...SEND, '--packet', 'zsx9', '198.18.0.2']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/no interface 'zsx9'/);
  });

  it.each([
    ['--packet', '1'],
    ['--xdp', '1'],
    ['--packet', '2'],
  ])(
    '%s, %s workers: says what would let an ordinary user',
    needs(isRoot() && hasTool('setpriv'), 'root, and setpriv(1)'),
    async (way, workers) => {
      const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
      const inner = [...nobody, '--inh-caps=-all', '--bounding-set=-all'];
      const args = [way, SINK, '198.18.0.2:9', '--workers', workers, '--count', '10', '--json'];
      const { code, stdout, stderr } = await pipe([...sink(), ...inner, ...SEND, ...args]);
      expect(code, stderr).toBe(3);
      expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'EPERM' } });
      expect(stderr).toMatch(/^ {2}sudo setcap cap_net_raw\+ep \/\S*node/m);
      expect(stderr).toMatch(/--cap-add NET_RAW/);
      expect(stderr).toMatch(/unshare -Urn/);
      expect(stderr).not.toMatch(/^\s+at /m);
    },
  );
});

describe('zerosend send --output', () => {
  const file = join(folder, 'sent.pcap');

  it('writes what would be sent, at its times', async () => {
    const args = ['198.18.0.2:53', '--count', '2500', '--rate', '10k', '--size', '90'];
    const fields = ['-f', 'payload@0:4=counter', '-f', 'udp.source=1024..2023'];
    const report = await json(['--output', file, ...args, ...fields]);
    expect(report).toMatchObject({
      ok: true,
      file,
      packets: 2500,
      bytes: 2500 * 90,
      seconds: 0.25,
    });
    const { frames, format, problem } = readCapture(file);
    expect({ format, problem, frames: frames.length }).toEqual({
      format: 'pcap',
      problem: null,
      frames: 2500,
    });
    const first = frames[0]?.time ?? 0n;
    for (const [k, { bytes, time }] of frames.entries()) {
      expect((time ?? 0n) - first).toBe(BigInt(k) * 100_000n);
      const frame = Buffer.from(bytes);
      expect(frame.length).toBe(90);
      expect(frame.readUInt16BE(34)).toBe(1024 + (k % 1000));
      expect(frame.readUInt32BE(42)).toBe(k);
    }
  });

  it(
    'writes what others read, with right checksums',
    needs(hasTool('tshark'), 'tshark'),
    async () => {
      const args = ['[2001:2::2]:53', '--count', '300', '--rate', '1000', '--protocol', 'tcp'];
      await json([
        '-o',
        file,
        ...args,
        '-f',
        'tcp.sequence=0..',
        '-f',
        'ipv6.source=2001:2::1..2001:2::99',
      ]);
      const fields = ['tcp.seq_raw', 'ipv6.src', 'tcp.checksum.status'].flatMap((f) => ['-e', f]);
      const check = ['-o', 'tcp.check_checksum:TRUE'];
      const tshark = findTool('tshark') ?? '';
      const rows = await output([tshark, '-r', file, ...check, '-T', 'fields', ...fields]);
      const lines = rows
        .trim()
        .split('\n')
        .map((row) => row.split('\t'));
      expect(lines).toHaveLength(300);
      for (const [k, [sequence, , status]] of lines.entries()) {
        expect(Number(sequence)).toBe(k);
        expect(status).toBe('1'); // good
      }
      expect(new Set(lines.map(([, source]) => source)).size).toBe(0x99);
    },
  );

  it(
    'writes packets of changing length and payload, whose lengths and checksums others find right',
    needs(hasTool('tshark'), 'tshark'),
    async () => {
      const names = join(folder, 'names.txt');
      writeFileSync(names, 'www.example.com\nexample.org AAAA\n');
      const flows = 'ipv4.source+udp.source=198.18.7.7+1111,198.18.8.8+2222*2';
      const read = async (fields: readonly string[], shown: readonly string[]) => {
        const given = fields.flatMap((field) => ['-f', field]);
        const report = await json(['-o', file, '198.18.0.2:53', '--count', '24', ...given]);
        const check = ['ip', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
        const all = [
          ...shown,
          'ip.checksum.status',
          'udp.checksum.status',
          'frame.len',
          'ip.len',
          'udp.length',
        ];
        const asked = all.flatMap((name) => ['-e', name]);
        const tshark = findTool('tshark') ?? '';
        const text = await output([tshark, '-n', '-r', file, ...check, '-T', 'fields', ...asked]);
        const rows = text
          .trimEnd()
          .split('\n')
          .map((row) => row.split('\t'));
        expect(rows).toHaveLength(24);
        for (const row of rows) {
          const [ip, udp, frame, total, length] = row.splice(-5).map(Number);
          expect([ip, udp]).toEqual([1, 1]); // good
          expect([total, length]).toEqual([(frame ?? 0) - 14, (frame ?? 0) - 34]);
          row.push(String(frame));
        }
        expect(report.bytes).toBe(rows.reduce((sum, row) => sum + Number(row.at(-1)), 0));
        return rows;
      };
      const mixed = await read(
        ['length=imix', flows, 'ipv4.id=7..'],
        ['ip.src', 'udp.srcport', 'ip.id'],
      );
      const count = (column: number, value: string) =>
        mixed.filter((row) => row[column] === value).length;
      expect(['60', '590', '1514'].map((size) => count(3, size))).toEqual([14, 8, 2]);
      expect([count(0, '198.18.7.7'), count(0, '198.18.8.8')]).toEqual([8, 16]);
      for (const [k, [ip, port, id]] of mixed.entries()) {
        expect(port).toBe(ip === '198.18.7.7' ? '1111' : '2222');
        expect(Number(id)).toBe(7 + k);
      }
      const names2 = [`payload=dns:@${names}`, 'payload@0:2=counter', 'ipv4.source=10.0.0.9/8:/24'];
      const queries = await read(names2, ['dns.id', 'dns.qry.name', 'dns.qry.type', 'ip.src']);
      for (const [k, row] of queries.entries()) {
        const [id, ...rest] = row.slice(0, -1);
        const query = k % 2 === 0 ? ['www.example.com', '1'] : ['example.org', '28'];
        expect([Number(id), ...rest]).toEqual([k, ...query, `10.0.${k}.9`]);
      }
    },
  );

  it('takes seconds and a rate for an end', async () => {
    const args = ['198.18.0.2', '--seconds', '2', '--rate', '84k']; // in bits: 88 bytes on the wire
    const report = await json(['-o', file, ...args]);
    expect(report.packets).toBe(168_000);
    const bits = await json(['-o', file, '198.18.0.2', '--seconds', '1', '--rate', '704kbit']);
    expect(bits.packets).toBe(1000);
    const both = ['--count', '500', '--seconds', '1', '--rate', '100'];
    expect((await json(['-o', file, '198.18.0.2', ...both])).packets).toBe(100);
    expect((await json(['-o', file, '198.18.0.2', ...both.slice(0, 4)])).packets).toBe(500);
  });

  it('cuts frames into segments, as kernel or device would', async () => {
    const frames = ['198.18.0.2:9', '--protocol', 'tcp', '--size', '14054', '--segment', '1400'];
    const report = await json(['-o', file, ...frames, '--count', '3', '--rate', '10']);
    expect(report).toMatchObject({ packets: 3, frames: 30, seconds: 0.3 });
    const { frames: written } = readCapture(file);
    expect(written.map(({ bytes }) => bytes.length)).toEqual(Array(30).fill(1454));
    const sequence = written.map(({ bytes }) => Buffer.from(bytes).readUInt32BE(38));
    expect(sequence.slice(0, 10)).toEqual(Array.from({ length: 10 }, (_, k) => k * 1400));
  });

  it('writes the capture and nothing else to standard output', async () => {
    const command = `"$0" "$1" send -o - 198.18.0.2 --count 5 --segment 100 --size 442 > "$2"`;
    const { code, stderr } = await pipe(['sh', '-c', command, SEND[0] ?? '', SEND[1] ?? '', file]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(/^wrote 20 frames of 142 bytes, .* to standard output$/m);
    expect(readCapture(file)).toMatchObject({ problem: null, frames: { length: 20 } });
  });

  it('Ctrl-C leaves a file that is whole', async () => {
    const running = new Running([
      ...SEND,
      '-o',
      file,
      '198.18.0.2',
      '--count',
      '1G'.replace('G', '000000000'),
    ]);
    await running.printed(/packets\/s/);
    running.child.kill('SIGINT');
    const { code, stdout } = await running.ended();
    expect(code).toBe(0);
    const written = /^wrote ([\d,]+) frames/m.exec(stdout)?.[1]?.replaceAll(',', '');
    const size = readFileSync(file).length;
    expect(size).toBe(24 + Number(written) * (16 + 64));
    rmSync(file);
  });

  it('says that it cannot write', async () => {
    const path = join(folder, 'no', 'such', 'folder.pcap');
    const { code, stderr } = await pipe([...SEND, '-o', path, '198.18.0.2', '--count', '1']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/ENOENT/);
  });

  it('fails where the disk is full, for it has begun', async () => {
    const args = ['-o', '/dev/full', '198.18.0.2', '--count', '1', '--json'];
    const { code, stdout, stderr } = await pipe([...SEND, ...args]);
    expect(code, stderr).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'ENOSPC' } });
  });
});

describe('zerosend send, a wrong command line', () => {
  it.each<[string[], RegExp]>([
    [[], /DESTINATION is missing/],
    [['198.18.0.2'], /DESTINATION has to be HOST:PORT; received '198\.18\.0\.2'/],
    [['a:b'], /DESTINATION has to be HOST:PORT.*received 'a:b'/],
    [['a:1', 'b:2'], /one DESTINATION; received 'a:1' and 'b:2'/],
    [['--packet', 'eth0'], /frames need a DESTINATION/],
    [['--packet', 'eth0', 'host.example'], /has to be an IP address; received 'host\.example'/],
    [['--packet', 'a', '--xdp', 'b', '198.18.0.2'], /one of --packet and --xdp/],
    [['a:1', '--vlan', '7'], /--vlan is for --packet, --xdp, --output.*UDP sockets/],
    [['--packet', 'a', '198.18.0.2', '--pacing-rate', '5'], /--pacing-rate is for UDP sockets/],
    [['a:1', '--protocol', 'tcp', '--segment', '5'], /--segment is for UDP sockets, --packet/],
    [['-o', 'x', '198.18.0.2', '--count', '9', '--workers', '2'], /by one thread; received 2/],
    [['a:1', '--protocol', 'tcp', '--workers', '2', '--buffers', '9'], /--buffers is not taken/],
    [['a:1', '--protocol', 'sctp'], /--protocol takes udp, tcp; received 'sctp'/],
    [['a:1', '--workers', '4', '--count', '3'], /--count has to be at least --workers/],
    [['a:1', '--rate', 'fast'], /--rate has to be a rate.*received 'fast'/],
    [['a:1', '--burst', '4'], /--burst needs a --rate/],
    [['a:1', '--size', '0'], /--size .*received '0'/],
    [['a:1', '-f', 'nonsense'], /--field takes TARGET=VALUES.*received 'nonsense'/],
    [['a:1', '-f', 'ipv4.source=1'], /ipv4\.source is not in the packet/],
    [['a:1', '-f', 'udp.origin=1'], /udp\.origin/],
    [['a:1', '-f', 'length=9', '-f', 'payload=x'], /fields\[1\] says how long packets are/],
    [['a:1', '-f', 'length=9,8', '--segment', '9'], /--segment: datagrams of a train/],
    [['a:1', '-f', 'payload=@/no/such/file'], /ENOENT.*'\/no\/such\/file'/],
    [
      ['--packet', 'a', '198.18.0.2', '-f', 'ipv4.source=5.5.5.5..::1'],
      /'5\.5\.5\.5' and '::1' are of two/,
    ],
    [['--packet', 'a', '198.18.0.2', '--size', '30'], /30/],
    [['--packet', 'a', '198.18.0.2', '--source', '::1'], /of one family/],
    [['--packet', 'a', '--template', '/no/such/file'], /--template: ENOENT/],
    [['-o', 'x.pcap', '198.18.0.2'], /needs an end/],
    [['-o', 'x', '198.18.0.2', '--count', '9', '--batch', '5'], /--batch is for UDP.*--output/],
    [['-o', 'x', '198.18.0.2', '--count', '9', '--precision', 'spin'], /--precision is for UDP/],
    [['-o', 'x', '198.18.0.2', '--count', '9', '--on-error', 'skip'], /--on-error is for UDP/],
    [
      ['--packet', 'a', '198.18.0.2', '--zero-copy', 'never'],
      /--zero-copy is for UDP sockets, TCP/,
    ],
    [['a:1', '--queue', '3'], /--queue is for --xdp; this would send by UDP sockets/],
    [['127.0.0.1:9', '--segment', '1000', '--size', '1500'], /multiple of --segment/],
    [['127.0.0.1:9', '--size', '70000'], /70000/],
    [['--frobnicate'], /--frobnicate/],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await pipe([...SEND, ...args]);
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toContain("'zerosend send --help' says what can be given");
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('lists its options', async () => {
    const { code, stdout } = await pipe([...SEND, '--help']);
    expect(code).toBe(0);
    for (const option of ['--protocol', '--packet', '--xdp', '--output', '--field', '--rate']) {
      expect(stdout).toContain(option);
    }
  });
});
