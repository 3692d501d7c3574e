import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { template } from 'zerosend/generator';
import { ownNamespace } from '../../../rig/index.mjs';
import { needsRig } from '../../rig/needs.js';
import { folderOfFile } from '../../support/folders.js';
import { canMakeNamespaces, hasTool, isRoot, needs } from '../../support/requirements.js';
import { pcap, type Written } from '../generator/support/pcap-writer.js';
import { ETHERNET, INTACT, Wire } from '../generator/support/wire.js';
import { framesOf } from './frames.js';
import { atTerminal, pipe, Running, screen, zerosend } from './shell.js';

const REPLAY = [process.execPath, zerosend, 'replay'];
const MS = 1_000_000n;
const folder = folderOfFile();

/** Numbered frames, UDP and TCP in turn, a millisecond apart. */
function frames(count: number): Written[] {
  return Array.from({ length: count }, (_, i) => {
    const payload = new Uint8Array(30 + (i % 7));
    new DataView(payload.buffer).setUint32(0, i);
    const ports = { source: 4000, destination: 53 };
    const { bytes } = template({
      ethernet: ETHERNET,
      ipv4: { source: '10.1.2.3', destination: '10.9.9.9' },
      ...(i % 2 === 0 ? { udp: ports } : { tcp: ports }),
      payload,
    });
    return { bytes, time: BigInt(i) * MS };
  });
}

function captureOf(written: readonly Written[], name = 'capture.pcap'): string {
  const path = join(folder, name);
  writeFileSync(path, pcap([...written]));
  return path;
}

describe('zerosend replay, over veth', await needsRig('veth'), () => {
  let wire: Wire;
  beforeAll(async () => {
    wire = await Wire.set('veth', { here: false });
  });
  afterAll(() => wire?.dispose());

  const replay = (args: readonly string[]) => framesOf(wire, 'replay', args);
  const hex = (all: readonly Uint8Array[]) => all.map((one) => Buffer.from(one).toString('hex'));

  it.each(['packet', 'xdp'])('--%s: sends every frame byte for byte, at its time', async (kind) => {
    const written = frames(300);
    const args = [`--${kind}`, wire.rig.senderInterface.name, '--loops', '2'];
    const { heard, got, report } = await replay([captureOf(written), ...args]);
    expect(hex(got)).toEqual(hex([...written, ...written].map(({ bytes }) => bytes)));
    expect(heard).toMatchObject({ ...INTACT, duplicates: 300, unique: 300 });
    expect(report).toMatchObject({
      command: 'replay',
      ok: true,
      interrupted: false,
      ended: 'count',
      frames: 300,
      loops: 2,
      packets: 600,
      skipped: [],
      failed: 0,
      unfinished: 0,
      error: null,
    });
    expect(report.seconds).toBeGreaterThan(0.598); // two rounds of 299 ms and the gap between them
    expect(report.lateness.p50).toBeGreaterThan(0);
  });

  it('changes addresses and ports, and keeps checksums right', async () => {
    const { heard, got, report } = await replay([
      ...[captureOf(frames(100)), '--packet', wire.rig.senderInterface.name, '--speed', 'max'],
      ...[
        '--rewrite-address',
        '10.1.0.0/16=198.18.0.0/16',
        '--rewrite-address',
        '10.9.9.9=198.19.0.1',
      ],
      ...['--rewrite-port', '53=5353', '--source-mac', '02:00:00:00:00:09'],
    ]);
    expect(heard).toMatchObject({ ...INTACT, frames: 100, unique: 100 });
    for (const frame of got) {
      expect(frame.toString('hex', 6, 12)).toBe('020000000009');
      expect([...frame.subarray(26, 30)].join('.')).toBe('198.18.2.3');
      expect([...frame.subarray(30, 34)].join('.')).toBe('198.19.0.1');
      expect(frame.readUInt16BE(36)).toBe(5353);
    }
    expect(report).toMatchObject({ notRewritten: {}, lateness: null });
  });

  it('keeps a rate, and lists what it leaves out', async () => {
    const long = { bytes: new Uint8Array(2000), time: 0n };
    const path = captureOf([...frames(50), long]);
    const args = ['--packet', wire.rig.senderInterface.name, '--rate', '500'];
    const { heard, report } = await replay([path, ...args]);
    expect(heard).toMatchObject({ ...INTACT, frames: 50 });
    expect(report.skipped).toMatchObject([{ reason: 'too long', frames: 1, longest: 2000 }]);
    expect(report.seconds).toBeGreaterThan(0.097);
  });
});

const SINK = 'zsx0';
const sink = () => ownNamespace([`link add ${SINK} type ifb`, `link set ${SINK} up`]);

describe(
  'zerosend replay, in a network namespace',
  needs(canMakeNamespaces(), 'making network namespaces'),
  () => {
    it('prints a line a second and the report; ends in time', async () => {
      const args = ['--packet', SINK, '--loops', 'forever', '--seconds', '2.5'];
      const { code, stdout, stderr } = await pipe([
        ...sink(),
        ...[...REPLAY, captureOf(frames(100)), ...args],
      ]);
      expect(code, stderr).toBe(0);
      const progress = stdout.split('\n').filter((line) => / in flight {2}/.test(line));
      expect(progress.length).toBeGreaterThanOrEqual(2);
      expect(progress.length).toBeLessThanOrEqual(4);
      const seconds = Number(/^sent [\d,]+ packets, .* in ([\d.]+) s/m.exec(stdout)?.[1]);
      expect(seconds).toBeGreaterThan(2.49);
      expect(stdout).toMatch(/^100 frames of the capture, \d+ whole rounds$/m);
      expect(stdout).toMatch(/^late by .* \(p50\)/m);
      expect(stdout).not.toContain('Ended early');
    });

    it('tells of a file that is cut off, of what is left out and of what is not rewritten', async () => {
      const path = captureOf(frames(5), 'cut.pcap');
      const arp = {
        bytes: Buffer.from(`${'ff'.repeat(6)}${'020000000001'}0806${'00'.repeat(28)}`, 'hex'),
        time: 0n,
      };
      const long = { bytes: new Uint8Array(2000), time: 0n };
      writeFileSync(path, pcap([arp, long, ...frames(5)]).subarray(0, -1));
      const args = [
        '--packet',
        SINK,
        '--speed',
        'max',
        '--rewrite-address',
        '10.0.0.0/8=198.0.0.0/8',
      ];
      const { code, stdout, stderr } = await pipe([...sink(), ...REPLAY, path, ...args]);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(/^5 frames of the capture, 1 whole rounds$/m);
      expect(stdout).toMatch(
        /^left out: 1 frames \(too long\), the first at byte \d+, .* 2000 bytes$/m,
      );
      expect(stdout).toMatch(/^sent with addresses that are not rewritten: 1 arp$/m);
      expect(stdout).toMatch(/^the file ends early: the file is cut off: .*, at byte \d+$/m);
    });

    it(
      'Ctrl-C ends it with the report, at a terminal',
      needs(hasTool('script'), 'script(1)'),
      async () => {
        const args = ['--packet', SINK, '--loops', 'forever'];
        const running = atTerminal([...sink(), ...REPLAY, captureOf(frames(100)), ...args]);
        await running.printed(/late[\s\S]*late[\s\S]*late/);
        running.type('\x03');
        const { code, stdout } = await running.ended();
        expect(code).toBe(0);
        const left = screen(stdout).join('\n');
        expect(left).not.toMatch(/in flight +\d+ ids/);
        expect(left).toMatch(/sent [1-9][\d,]* packets/);
        expect(left).toContain('Ended early, by a signal.');
      },
    );

    it(
      'says what would let an ordinary user',
      needs(isRoot() && hasTool('setpriv'), 'root, and setpriv(1)'),
      async () => {
        const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
        const inner = [...nobody, '--inh-caps=-all', '--bounding-set=-all'];
        const args = ['-', '--packet', SINK, '--json'];
        const running = new Running([...sink(), ...inner, ...REPLAY, ...args]);
        running.child.stdin?.end(pcap(frames(3)));
        const { code, stdout, stderr } = await running.ended();
        expect(code, stderr).toBe(3);
        expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: 'EPERM' } });
        expect(stderr).toMatch(/setcap cap_net_raw\+ep/);
        expect(stderr).toMatch(/unshare -Urn/);
      },
    );

    it('saves the page of its run', async () => {
      const page = join(folder, 'page.html');
      const args = ['--packet', SINK, '--speed', 'max', '--web-save', page];
      const { code, stderr } = await pipe([
        ...[...sink(), ...REPLAY, captureOf(frames(100)), ...args],
      ]);
      expect(code, stderr).toBe(0);
      expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>/i);
    });

    it('reads a pipe while it is sent, and sends clients and servers through two interfaces', async () => {
      const pair = ['zsx0', 'zsx1'].flatMap((name) => [
        `link add ${name} type ifb`,
        `link set ${name} up`,
      ]);
      const path = captureOf(frames(200));
      const options =
        '--packet zsx0 --server zsx1 --speed max --json --add-vlan 7 --each-loop 10.0.0.0/8=1';
      const command = `gzip -c ${path} | "$0" "$1" replay - ${options}`;
      const [node = '', main = ''] = REPLAY;
      const { code, stdout, stderr } = await pipe([
        ...ownNamespace(pair),
        ...['sh', '-c', command, node, main],
      ]);
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ ok: true, packets: 200, frames: 200, loops: 1 });
      const twice = await pipe([
        ...ownNamespace(pair),
        ...[...REPLAY, path, ...options.split(' '), '--stream', '--loops', '3', '--split', 'ports'],
      ]);
      expect(twice.code, twice.stderr).toBe(0);
      const report = JSON.parse(twice.stdout);
      expect(report).toMatchObject({ packets: 600, frames: 200, loops: 3 });
      expect(report.target.title).toMatch(/^frames of .* through zsx0 .* and zsx1$/);
    });

    it.each<string[]>([[], ['--stream'], ['-'], ['/dev/stdin']])(
      'sends by several workers %j',
      async (...words) => {
        const path = captureOf(frames(200));
        const [input, ...more] = words[0]?.startsWith('--') === false ? words : [path, ...words];
        // What is written to a program by Node.js is a socket, which has no path.
        const piped = input === '/dev/stdin' ? ['sh', '-c', 'cat "$0" | "$@"', path] : [];
        const args = [
          input ?? '',
          ...more,
          '--packet',
          SINK,
          '--workers',
          '2',
          '--loops',
          '2',
          '--json',
        ];
        const running = new Running([...sink(), ...piped, ...REPLAY, ...args, '--speed', '10']);
        running.child.stdin?.end(readFileSync(path));
        const { code, stdout, stderr } = await running.ended();
        expect(code, stderr).toBe(0);
        const report = JSON.parse(stdout);
        expect(report).toMatchObject({ ok: true, packets: 400, frames: 200, loops: 2, failed: 0 });
        expect(report.workers).toHaveLength(2);
      },
    );

    it('says that nothing of a capture can be sent', async () => {
      const path = captureOf([{ bytes: new Uint8Array(9000), time: 0n }], 'jumbo.pcap');
      const { code, stderr } = await pipe([...sink(), ...REPLAY, path, '--packet', SINK]);
      expect(code).toBe(2);
      expect(stderr).toMatch(/no frame can be sent: 1 too long/);
    });
  },
);

describe('zerosend replay --udp', () => {
  it('sends the payloads of UDP packets, without privilege', async () => {
    const receiver = createSocket({ type: 'udp4', recvBufferSize: 8 << 20 });
    onTestFinished(() => void receiver.close());
    const heard: number[] = [];
    receiver.on('message', (message) => heard.push(message.readUInt32BE(0)));
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const to = `127.0.0.1:${receiver.address().port}`;
    const args = ['--udp', to, '--speed', '10', '--json'];
    const { code, stdout } = await pipe([...REPLAY, captureOf(frames(100)), ...args]);
    expect(code).toBe(0);
    while (heard.length < 50) await once(receiver, 'message');
    expect(heard).toEqual(Array.from({ length: 50 }, (_, i) => 2 * i));
    expect(JSON.parse(stdout)).toMatchObject({
      packets: 50,
      skipped: [{ reason: 'no UDP payload', frames: 50 }],
    });
  });
});

describe('zerosend replay of a named pipe', () => {
  const replayed = (fifo: string, ...more: string[]) => {
    execFileSync('mkfifo', [fifo]);
    const args = [fifo, '--udp', '127.0.0.1:9', '--speed', 'max', '--json', ...more];
    return new Running([...REPLAY, ...args]);
  };

  it.each<[string[]]>([[[]], [['--stream']], [['--loops', '2']], [['--workers', '2']]])(
    'ends by Ctrl-C while nothing comes of it: %j',
    async (more) => {
      const fifo = join(folder, `silent${more.join('')}`);
      const running = replayed(fifo, ...more);
      const writing = await open(fifo, 'w'); // it has been opened for reading
      running.child.kill('SIGINT');
      const { code, stdout } = await running.ended();
      await writing.close();
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ ok: true, sends: 0 });
    },
  );

  it.each([
    [1, []],
    [3, ['--loops', '3']],
    [1, ['--workers', '2']],
  ])('sends what comes of it %i times: %s', async (times, more) => {
    const fifo = join(folder, `pipe${more.join('')}`);
    const running = replayed(fifo, ...more);
    const writing = await open(fifo, 'w');
    await writing.writeFile(pcap(frames(50)));
    await writing.close();
    const { code, stdout, stderr } = await running.ended();
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, packets: 25 * times });
  });
});

describe('zerosend replay at a rate that changes', () => {
  it('takes pieces, bursts and chance, and sleeps where it is told to', async () => {
    const receiver = createSocket('udp4');
    onTestFinished(() => void receiver.close());
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const to = `127.0.0.1:${receiver.address().port}`;
    const replayed = async (...args: string[]) => {
      const line = [captureOf(frames(100)), '--udp', to, ...args, '--json'];
      const { code, stdout, stderr } = await pipe([...REPLAY, ...line]);
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout);
    };
    // 50 datagrams: 25 in the first tenth of a second, and then none for another.
    const steps = await replayed('--rate', '250/100ms,0/100ms,5k', '--precision', 'sleep');
    expect(steps).toMatchObject({
      packets: 50,
      target: { rate: { changes: '0 to 5000 packets/s' } },
    });
    expect(steps.seconds).toBeGreaterThan(0.2);
    // Four bursts after the first, 20 ms apart.
    const bursts = await replayed('--bursts', '10/20ms', '--poisson', '--seed', '3');
    expect(bursts.packets).toBe(50);
    expect((await replayed('--bursts', '10/20ms')).seconds).toBeGreaterThan(0.079);
  });
});

describe('zerosend replay, a wrong command line', () => {
  const good = () => captureOf(frames(3));
  it.each<[string[], RegExp]>([
    [[], /CAPTURE is missing: a pcap or pcapng file/],
    [['a.pcap', 'b.pcap'], /takes one CAPTURE; received 'a.pcap' and 'b.pcap'. .*--udp/],
    [['GOOD'], /takes one of --packet IFACE, --xdp IFACE and --udp HOST:PORT/],
    [['GOOD', '--packet', 'a', '--xdp', 'b'], /takes one of/],
    [['GOOD', '--udp', '127.0.0.1'], /--udp has to be HOST:PORT/],
    [['GOOD', '--packet', 'a', '--speed', '0'], /--speed .*received '0'/],
    [['GOOD', '--packet', 'a', '--loops', 'often'], /--loops .*received 'often'/],
    [['GOOD', '--packet', 'a', '--rate', '5', '--speed', '2'], /--rate takes the place/],
    [['GOOD', '--xdp', 'a', '--segmentation'], /--segmentation is for --packet/],
    [['GOOD', '--packet', 'a', '--queue', '3'], /--queue is for --xdp/],
    [['GOOD', '--udp', '127.0.0.1:9', '--add-vlan', '0'], /--add-vlan is for --packet and --xdp/],
    [['GOOD', '--udp', '127.0.0.1:9', '--rewrite-port', '53'], /takes FROM=TO/],
    [['GOOD', '--udp', '127.0.0.1:9', '--rewrite-port', '53=x'], /--rewrite-port .*received 'x'/],
    [['GOOD', '--udp', '127.0.0.1:9', '--rewrite-address', 'a=b'], /rewrite\.addresses/],
    [['GOOD', '--udp', '127.0.0.1:9', '--each-loop', '10.0.0.0/8=x'], /RANGE=STEP/],
    [['GOOD', '--udp', '127.0.0.1:9', '--rewrite-vlan', '1=4096'], /--rewrite-vlan .*'4096'/],
    [['GOOD', '--udp', '127.0.0.1:9', '--split', 'ports'], /--split needs --server/],
    [
      ['GOOD', '--udp', '127.0.0.1:9', '--server-source-mac', '02:00:00:00:00:03'],
      /needs --server/,
    ],
    [['GOOD', '--udp', '127.0.0.1:9', '--poisson'], /--poisson needs a --rate/],
    [['GOOD', '--udp', '127.0.0.1:9', '--rate', '5', '--seed', '1'], /--seed needs --poisson/],
    [['GOOD', '--udp', '127.0.0.1:9', '--loop-gap', '1s'], /--loop-gap needs --loops/],
    [
      ['GOOD', '--udp', '127.0.0.1:9', '--rate', '5', '--bursts', '5/1s'],
      /--bursts takes the place/,
    ],
    [['GOOD', '--udp', '127.0.0.1:9', '--rewrite', '/no/such'], /--rewrite: ENOENT/],
    [['GOOD', '--udp', '127.0.0.1:9', '--split', 'x'], /'first-seen', 'ports'.*received 'x'/],
    [['-', '--udp', '127.0.0.1:9', '--stream', '--loops', '2'], /standard input once/],
    [['/no/such.pcap', '--packet', 'a', '--stream'], /CAPTURE: ENOENT/],
    [['/proc/self/status', '--udp', '127.0.0.1:9', '--stream'], /CAPTURE: neither pcap nor/],
    [['/no/such.pcap', '--packet', 'a'], /CAPTURE: ENOENT.*received '\/no\/such\.pcap'/],
    [['/proc/self/status', '--packet', 'a'], /CAPTURE: neither pcap nor pcapng/],
  ])('%j', async (args, message) => {
    const line = args.map((word) => (word === 'GOOD' ? good() : word));
    const { code, stdout, stderr } = await pipe([...REPLAY, ...line]);
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
