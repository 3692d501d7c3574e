import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { compile, type Field, type GenerateOptions, generate, template } from 'zerosend/generator';
import { needsRig } from '../../rig/needs.js';
import { openTo, startPeer } from '../../support/endpoints.js';
import { findTool, hasTool, needs } from '../../support/requirements.js';
import { output } from '../../support/run.js';
import { itInline } from '../../support/submit.js';
import { ETHERNET, INTACT, Wire } from './support/wire.js';

const IPV4 = { source: '198.18.0.1', destination: '198.18.0.2' };
const IPV6 = { source: '2001:2::1', destination: '2001:2::2' };
const PORTS = { source: 1024, destination: 9 };
const sequence = { layer: 'payload', offset: 0, width: 4 } as const;
const NUMBERED: Field[] = [{ target: sequence, counter: {} }];
const FIELDS: Field[] = [
  ...NUMBERED,
  { target: 'udp.source', random: { seed: 7, min: 1024, max: 65_535 } },
  { target: { layer: 'payload', offset: 5, width: 8 }, random: { seed: 8 } },
];

describe('generate, over veth', await needsRig('veth', { here: true }), () => {
  let wire: Wire;
  beforeAll(async () => {
    wire = await Wire.set('veth');
  });
  afterAll(() => wire?.dispose());

  describe.each(['packet', 'xdp'] as const)('through a %s socket', (kind) => {
    it('sends every packet as it was made, byte for byte', async () => {
      const packet = { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length: 100 };
      const fields: Field[] = [
        ...FIELDS,
        { target: 'ipv4.source', counter: { start: '198.18.1.0', count: 1000 } },
        { target: 'ipv4.ttl', list: [1, 64, 255] },
        { target: 'ethernet.source', counter: {} },
      ];
      const count = 3000;
      const { heard, frames, sent } = await wire.hear(
        () =>
          wire.run(kind, {}, (socket) =>
            generate({ socket, template: packet, fields, count, rate: 20_000 }),
          ),
        { sequence: 0, save: true },
      );
      expect(heard).toMatchObject({ ...INTACT, frames: count, unique: count });
      const all = { ended: 'count', packets: count, failed: 0, unfinished: 0 };
      expect(sent.report).toMatchObject(all);
      const made = compile(template(packet), fields);
      const bytes = Buffer.alloc(made.length);
      made.init(bytes);
      const wrong = frames.filter((frame) => {
        made.stamp(bytes);
        return !frame.equals(bytes);
      });
      expect(wrong).toHaveLength(0);
    });

    it('has every id counted by the interface', async () => {
      const before = await wire.transmitted();
      const count = 20_011; // no multiple of a batch
      const packet = { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length: 64 };
      const { heard, sent } = await wire.hear(
        () =>
          wire.run(kind, {}, (socket) =>
            generate({ socket, template: packet, fields: NUMBERED, count }),
          ),
        { sequence: 0 },
      );
      const after = await wire.transmitted();
      const lost = after.dropped - before.dropped;
      expect(after.packets - before.packets + lost).toBe(count);
      expect(sent.closed).toMatchObject({ outcome: 'drained', ids: count, unfinished: 0 });
      const arrived = count - lost;
      expect(heard).toMatchObject({ ...INTACT, unique: arrived, bytes: arrived * 64 });
    });
  });

  it.each([
    ['IPv6 and UDP', { ethernet: ETHERNET, ipv6: IPV6, udp: PORTS, length: 90 }],
    ['IPv4 and TCP', { ethernet: ETHERNET, ipv4: IPV4, tcp: PORTS, length: 90 }],
    [
      'two tags',
      {
        ethernet: ETHERNET,
        vlan: [{ id: 100, tpid: 0x8100 }, { id: 200 }],
        ipv4: IPV4,
        udp: PORTS,
        length: 90,
      },
    ],
  ])('has valid checksums with %s', async (_, packet) => {
    const { heard } = await wire.hear(
      () =>
        wire.run('packet', {}, (socket) =>
          generate({ socket, template: packet, fields: NUMBERED, count: 1000 }),
        ),
      { sequence: 0 },
    );
    expect(heard).toMatchObject({ ...INTACT, frames: 1000, unique: 1000 });
    expect(heard.vlans).toBe('vlan' in packet ? 2000 : 0);
  });

  it('leaves partial checksums to the kernel, which finishes them', async () => {
    for (const layers of [{ udp: PORTS }, { tcp: PORTS }]) {
      const frame = { ethernet: ETHERNET, ipv4: IPV4, ...layers, length: 200 };
      const packet = { ...frame, virtioNetHeader: true };
      const destinations = { start: '198.18.5.0', count: 500 };
      const fields: Field[] = [...NUMBERED, { target: 'ipv4.destination', counter: destinations }];
      const { heard } = await wire.hear(
        () =>
          wire.run('packet', { virtioNetHeader: true }, (socket) =>
            generate({ socket, template: packet, fields, count: 1000 }),
          ),
        { sequence: 0 },
      );
      expect(heard).toMatchObject({ ...INTACT, frames: 1000, unique: 1000 });
    }
  });

  it('has the kernel cut TCP frames of 64 KB into segments', async () => {
    const frame = { ethernet: ETHERNET, ipv4: IPV4, tcp: PORTS, length: 65_000 };
    const packet = { ...frame, virtioNetHeader: { segmentSize: 1448 } };
    const fields: Field[] = [{ target: 'tcp.sequence', counter: { step: 64_946 } }];
    const ring = { virtioNetHeader: true, frames: 64, frameSize: 65_600 };
    const { heard, sent } = await wire.hear(() =>
      wire.run('packet', ring, (socket) =>
        generate({ socket, template: packet, fields, count: 200, rate: 2000 }),
      ),
    );
    const segments = Math.ceil((65_000 - 54) / 1448);
    expect(heard).toMatchObject({ ...INTACT, frames: 200 * segments });
    expect(heard.bytes).toBe(200 * (65_000 + (segments - 1) * 54));
    expect(sent.report.bytes).toBe(200 * 65_000);
  });

  it(
    'is found without fault by tcpdump and tshark',
    needs(hasTool('tcpdump') && hasTool('tshark'), 'tcpdump and tshark'),
    async () => {
      const packet = { ethernet: ETHERNET, ipv4: IPV4, tcp: PORTS, length: 120 };
      const changing: Field[] = [...NUMBERED, { target: 'tcp.source', random: { seed: 1 } }];
      const file = await wire.capture(
        () =>
          wire.run('packet', {}, (socket) =>
            generate({ socket, template: packet, fields: changing, count: 500, rate: 5000 }),
          ),
        'ether dst 02:00:00:00:00:02',
      );
      const seen = await output([findTool('tcpdump') as string, '-r', file, '-nvv']);
      expect(seen.match(/cksum 0x[\da-f]{4} \(correct\)/g)).toHaveLength(500);
      expect(seen).not.toMatch(/incorrect|bad cksum/);
      const fields = ['ip.checksum.status', 'tcp.checksum.status', 'tcp.payload'];
      const rows = await output([
        findTool('tshark') as string,
        ...['-r', file, '-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'],
        ...['-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
      ]);
      const lines = rows
        .trim()
        .split('\n')
        .map((line) => line.split('\t'));
      expect(lines.map(([ip, tcp]) => `${ip} ${tcp}`)).toEqual(Array(500).fill('1 1'));
      const numbers = lines.map(([, , payload = '']) => Number.parseInt(payload.slice(0, 8), 16));
      expect(numbers).toEqual(Array.from({ length: 500 }, (_, i) => i));
    },
  );

  it('ends after its seconds, and by its signal, and reports as it goes', async () => {
    const progress: number[] = [];
    const send = (end: Partial<GenerateOptions>) =>
      wire.run('packet', {}, (socket) =>
        generate({
          socket,
          template: { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length: 64 },
          rate: { packets: 10_000, burst: 5 },
          progressInterval: 50,
          onProgress: ({ packets }) => void progress.push(packets),
          ...end,
        }),
      );
    const { report, closed } = await send({ seconds: 0.3 });
    expect(report.ended).toBe('seconds');
    expect(report.seconds).toBeGreaterThanOrEqual(0.3);
    expect(report.packets).toBe(closed.ids);
    expect(progress.length).toBeGreaterThan(0);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(report.packets).toBeGreaterThanOrEqual(progress.at(-1) as number);
    const aborted = await send({ signal: AbortSignal.timeout(200) });
    expect(aborted.report).toMatchObject({ ended: 'signal', failed: 0, unfinished: 0 });
    expect(aborted.report.packets).toBe(aborted.closed.ids);
  });
});

describe(
  'generate, behind a slow link',
  await needsRig('veth', { rate: '5mbit', here: true }),
  () => {
    it('waits for a full ring, and ends in time all the same', async () => {
      const wire = await Wire.set('veth', { rate: { rate: '5mbit', limit: '64kb' } });
      const packet = { ethernet: ETHERNET, ipv4: IPV4, udp: PORTS, length: 1000 };
      try {
        const { heard, sent } = await wire.hear(
          () =>
            wire.run('packet', { frames: 64 }, (socket) =>
              generate({ socket, template: packet, fields: NUMBERED, seconds: 0.5 }),
            ),
          { sequence: 0 },
        );
        expect(sent.report.ended).toBe('seconds');
        expect(sent.report.dry).toBeGreaterThan(0);
        expect(sent.report.seconds).toBeLessThan(2);
        expect(heard).toMatchObject({ ...INTACT });
        expect(heard.unique).toBe(heard.highest + 1);
      } finally {
        await wire.dispose();
      }
    });
  },
);

describe('generate, through a UDP socket', () => {
  it('sends payloads from a pool of its own, each once and in order', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    const report = await generate({
      socket,
      template: { payload: new Uint8Array(100) },
      fields: [{ target: sequence, counter: {} }],
      count: 1001,
      rate: 20_000,
    });
    expect(report).toMatchObject({ ended: 'count', packets: 1001, sends: 1001, bytes: 100_100 });
    const heard = await receiver.until(({ datagrams }) => datagrams >= 1001);
    expect(heard).toMatchObject({ datagrams: 1001, minLength: 100, maxLength: 100 });
  });

  it('sends trains where the socket cuts segments, the last one shorter', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true, gro: false });
    const socket = await openTo(receiver, { segmentSize: 200 });
    const pool = new BufferPool({ bufferSize: 4096, count: 32 });
    const report = await generate({
      socket,
      pool,
      template: { payload: new Uint8Array(200) },
      fields: [{ target: sequence, counter: {} }],
      count: 1007,
      rate: 20_000,
    });
    expect(report.packets).toBe(1007);
    expect(report.sends).toBeLessThan(1007);
    const heard = await receiver.until(({ datagrams }) => datagrams >= 1007);
    expect(heard).toMatchObject({ datagrams: 1007, minLength: 200, maxLength: 200 });
    expect(pool.free).toBe(pool.count);
    await pool.close();
  });

  it('lets others have their turn', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    let ticks = 0;
    const enough = new AbortController();
    const ticker = setInterval(() => {
      if (++ticks === 10) enough.abort();
    }, 5);
    const { ended } = await generate({
      socket,
      template: { payload: 'x' },
      seconds: 20,
      signal: enough.signal,
    });
    clearInterval(ticker);
    expect(ended).toBe('signal');
  });

  it('gives its buffers back when a send is refused', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    const pool = new BufferPool({ bufferSize: 4096, count: 8 });
    await socket.close();
    await expect(
      generate({ socket, pool, template: { payload: 'x' }, count: 10 }),
    ).rejects.toMatchObject({ code: 'ERR_ZEROSEND_SOCKET_CLOSED' });
    expect(pool.free).toBe(8);
    await pool.close();
  });

  it('reports as the largest burst what has left together', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    const rate = { packets: 1e6, burst: 4096, catchUp: 1000 };
    const few = await generate({ socket, template: { payload: 'x' }, rate, count: 10 });
    expect(few).toMatchObject({ packets: 10, pacing: { largestBurst: 10, burst: 4096 } });
    const pool = new BufferPool({ bufferSize: 64, count: 8 });
    const many = await generate({ socket, pool, template: { payload: 'x' }, rate, count: 8192 });
    const { largestBurst } = many.pacing as { largestBurst: number };
    expect(many.packets).toBe(8192);
    expect(largestBurst).toBeGreaterThanOrEqual(8);
    await pool.close();
  });

  it('refuses a template and a socket that disagree about the offload header', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    await expect(
      generate({ socket, template: { payload: 'x', virtioNetHeader: true }, count: 1 }),
    ).rejects.toMatchObject({
      code: 'ERR_ZEROSEND_INVALID_ARGUMENT',
      message: expect.stringContaining('options.template.virtioNetHeader must be false'),
    });
    expect(socket.nextId).toBe(0);
  });

  it('ends with the error that onProgress throws', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver);
    const boom = new Error('boom');
    await expect(
      generate({
        socket,
        template: { payload: 'x' },
        rate: 1000,
        progressInterval: 10,
        onProgress() {
          throw boom;
        },
      }),
    ).rejects.toBe(boom);
  });

  it('refuses what cannot be, before it sends', async () => {
    const receiver = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(receiver, { segmentSize: 100 });
    const good = { socket, template: { payload: new Uint8Array(100) }, count: 1 };
    const tcp = Object.create(TcpSocket.prototype);
    const refuse = async (change: object, code: string) => {
      await expect(generate({ ...good, ...change } as GenerateOptions)).rejects.toMatchObject({
        code,
      });
    };
    await refuse({ socket: tcp }, 'ERR_ZEROSEND_INVALID_ARGUMENT');
    await refuse({ socket: {} }, 'ERR_ZEROSEND_INVALID_ARGUMENT');
    await refuse({ template: { payload: 'x' } }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refuse({ count: 0 }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refuse({ seconds: 0 }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refuse({ batch: 2000 }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refuse({ rate: 0 }, 'ERR_ZEROSEND_OUT_OF_RANGE');
    await refuse({ signal: {} }, 'ERR_ZEROSEND_INVALID_ARGUMENT');
    await refuse({ speed: 1 }, 'ERR_ZEROSEND_INVALID_ARGUMENT');
    const long = template({ payload: new Uint8Array(70_000) });
    await refuse({ template: long }, 'ERR_ZEROSEND_FRAME_TOO_LONG');
    expect(socket.nextId).toBe(0);
  });

  // docs/submission-thread.md, "what the kernel refuses": the send fails, and the generator goes on.
  itInline('is told of a UDP socket without a remote by the send', async () => {
    const socket = await UdpSocket.open({ address: '127.0.0.1' });
    await expect(generate({ socket, template: { payload: 'x' }, count: 1 })).rejects.toThrow();
    await socket.close();
  });
});
