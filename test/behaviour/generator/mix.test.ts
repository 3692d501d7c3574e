import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { UdpSocket } from 'zerosend';
import {
  compile,
  type Field,
  type GenerateOptions,
  generate,
  generateInWorkers,
  type MixPart,
  type PacketDescription,
  type TemplateCount,
  template,
  type WorkersOptions,
} from 'zerosend/generator';
import { eventually } from '../../faults/peers.js';
import { needsRig } from '../../rig/needs.js';
import { ETHERNET, Wire } from './support/wire.js';

const IPV4 = { source: '198.18.0.1', destination: '198.18.0.2' };
const IPV6 = { source: '2001:2::1', destination: '2001:2::2' };
const NUMBERED: Field = { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} };

/** A part whose port tells which it is. */
function part(port: number, weight: number, packet: PacketDescription, fields: Field[] = []) {
  const udp = { source: 1024, destination: port };
  const ip = packet.ipv6 ? {} : { ipv4: IPV4 };
  const described = { ethernet: ETHERNET, ...ip, udp, ...packet };
  return { template: described, weight, fields: [NUMBERED, ...fields] };
}

/** Six templates of the sizes of IMIX and others; long ones behind short ones, zeros behind text. */
const SIX = [
  part(1001, 7, { length: 64 }),
  part(1002, 4, { length: 594 }, [
    { target: 'udp.source', random: { seed: 1, min: 1, max: 65_535 } },
  ]),
  part(1003, 1, { length: 1514 }, [{ target: 'ipv4.source', counter: { count: 500 } }]),
  part(1004, 2, { payload: Buffer.alloc(300, 'mixed ') }),
  part(1005, 3, { ipv6: IPV6, length: 90 }),
  part(1006, 2, { ethernet: ETHERNET, vlan: { id: 5 }, payload: 'text and zeros', length: 1200 }),
] satisfies MixPart[];
const PERIOD = SIX.reduce((sum, { weight }) => sum + weight, 0);

/** Which part a frame is of, by its destination port. */
function partOf(frame: Buffer): number {
  const at = SIX.findIndex(({ template: packet }, i) => {
    const { offsets } = template(packet);
    return frame.readUInt16BE(offsets.udp + 2) === 1001 + i;
  });
  expect(at).toBeGreaterThanOrEqual(0);
  return at;
}

/** The packets of a part, one after the other. */
function packetsOf({ template: packet, fields }: (typeof SIX)[number]) {
  const sequence = compile(template(packet), fields);
  const bytes = Buffer.alloc(sequence.length);
  sequence.init(bytes);
  return () => {
    sequence.stamp(bytes);
    return bytes;
  };
}

describe('a mix, over veth', await needsRig('veth', { here: true }), () => {
  let wire: Wire;
  beforeAll(async () => {
    wire = await Wire.set('veth');
  });
  afterAll(() => wire?.dispose());

  it.each([
    ['packet', {}],
    ['packet', { frames: 64 }],
    ['xdp', {}],
  ] as const)(
    'through a %s socket (%j): every packet as its template has it, shares exact',
    async (kind, options) => {
      const periods = 300;
      const count = periods * PERIOD;
      const { frames, sent } = await wire.hear(
        () =>
          wire.run(kind, options, (socket) => generate({ socket, mix: SIX, count, rate: 20_000 })),
        { save: true },
      );
      expect(frames).toHaveLength(count);
      const next = SIX.map(packetsOf);
      const seen = SIX.map(() => 0);
      for (const [i, frame] of frames.entries()) {
        const at = partOf(frame);
        seen[at] = (seen[at] ?? 0) + 1;
        if (!frame.equals(next[at]?.() ?? Buffer.alloc(0)))
          expect.fail(`frame ${i} of part ${at} is wrong`);
        // After each period, and not only in the end.
        if ((i + 1) % PERIOD === 0) {
          const rounds = (i + 1) / PERIOD;
          expect(seen).toEqual(SIX.map(({ weight }) => weight * rounds));
        }
      }
      const counts = SIX.map(({ template: packet, weight }): TemplateCount => {
        const packets = weight * periods;
        return { packets, bytes: packets * template(packet).length };
      });
      const bytes = counts.reduce((sum, one) => sum + one.bytes, 0);
      expect(sent.report).toMatchObject({ packets: count, bytes, templates: counts, failed: 0 });
    },
  );

  it('with offload headers counts the bytes of packets without these', async () => {
    const mix = SIX.map((part) => ({
      ...part,
      template: { ...part.template, virtioNetHeader: true },
    }));
    const { sent } = await wire.hear(() =>
      wire.run('packet', { virtioNetHeader: true }, (socket) =>
        generate({ socket, mix, count: PERIOD, rate: 20_000 }),
      ),
    );
    const counts = SIX.map(({ template: packet, weight }) => ({
      packets: weight,
      bytes: weight * template(packet).length,
    }));
    expect(sent.report).toMatchObject({ packets: PERIOD, templates: counts, failed: 0 });
  });

  it('in sequence sends as many of each as its weight says, one kind after the other', async () => {
    const mix = SIX.slice(0, 3);
    const { frames } = await wire.hear(
      () =>
        wire.run('packet', {}, (socket) =>
          generate({ socket, mix, mixOrder: 'sequence', count: 24, rate: 20_000 }),
        ),
      { save: true },
    );
    const order = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2];
    expect(frames.map(partOf)).toEqual([...order, ...order]);
  });

  it('in workers: each keeps the shares, and together they send each packet once', async () => {
    const count = 2 * 50 * PERIOD;
    const { frames, sent } = await wire.hear(
      async () => {
        const { name } = wire.rig.senderInterface;
        const socket = { packet: { interface: name } };
        return generateInWorkers({ socket, mix: SIX, workers: 2, count, rate: 20_000 });
      },
      { save: true },
    );
    expect(frames).toHaveLength(count);
    const wanted = SIX.map((one) => {
      const next = packetsOf(one);
      return Array.from({ length: one.weight * 100 }, () => next().toString('hex')).sort();
    });
    const got = SIX.map(() => [] as string[]);
    for (const frame of frames) got[partOf(frame)]?.push(frame.toString('hex'));
    expect(got.map((all) => all.sort())).toEqual(wanted);
    for (const { templates } of [sent, ...sent.workers]) {
      const all = templates.reduce((sum, { packets }) => sum + packets, 0);
      expect(templates.map(({ packets }) => packets / all)).toEqual(
        SIX.map(({ weight }) => weight / PERIOD),
      );
    }
  });
});

describe('a mix of datagrams', () => {
  const payloads = [
    { payload: 'a' },
    { payload: 'bb' },
    { length: 40 },
  ] satisfies PacketDescription[];
  const mix = payloads.map((packet, i) => ({ template: packet, weight: i + 1 }));

  async function receiver() {
    const socket = createSocket('udp4');
    const lengths: number[] = [];
    socket.on('message', (message) => void lengths.push(message.length));
    socket.bind(0, '127.0.0.1');
    onTestFinished(() => void socket.close());
    await once(socket, 'listening');
    return { lengths, remote: { address: '127.0.0.1', port: socket.address().port } };
  }

  it('has exact shares, and tells of each template while it runs', async () => {
    const { lengths, remote } = await receiver();
    await using socket = await UdpSocket.open({ remote });
    const told: (readonly TemplateCount[])[] = [];
    const report = await generate({
      socket,
      mix,
      count: 120,
      rate: 400,
      progressInterval: 50,
      onProgress: ({ templates = [] }) => void told.push(templates),
    });
    expect(report.templates).toEqual([
      { packets: 20, bytes: 20 },
      { packets: 40, bytes: 80 },
      { packets: 60, bytes: 2400 },
    ]);
    await eventually(() => lengths.length).toBe(120);
    const count = (length: number) => lengths.filter((one) => one === length).length;
    expect([1, 2, 40].map(count)).toEqual([20, 40, 60]);
    expect(told.length).toBeGreaterThan(0);
    for (const templates of told) expect(templates).toHaveLength(3);
  });

  it('goes on where a share begins', async () => {
    const { lengths, remote } = await receiver();
    await using socket = await UdpSocket.open({ remote });
    const plain = await generate({ socket, mix, mixOrder: 'sequence', count: 6 });
    expect(plain.packets).toBe(6);
    await generate({ socket, mix, mixOrder: 'sequence', count: 6, share: { first: 4 } });
    await eventually(() => lengths.length).toBe(12);
    expect(lengths).toEqual([1, 2, 2, 40, 40, 40, 40, 40, 1, 2, 2, 40]);
  });

  it.each<[string, object]>([
    ['an empty mix', { mix: [] }],
    ['no array', { mix: {} }],
    ['a template beside it', { mix, template: { payload: 'x' } }],
    ['fields beside it', { mix, fields: [] }],
    ['a weight of 0', { mix: [{ template: { payload: 'x' }, weight: 0 }] }],
    ['a weight of a half', { mix: [{ template: { payload: 'x' }, weight: 0.5 }] }],
    ['weights that are too many', { mix: [{ ...mix[0], weight: 65_536 }, mix[1]] }],
    ['a misspelt key', { mix: [{ template: { payload: 'x' }, wieght: 1 }] }],
    ['an unknown order', { mix, mixOrder: 'random' }],
    ['an order of no mix', { template: { payload: 'x' }, mixOrder: 'sequence' }],
    ['an order of what a function fills', { fill: () => 1, mixOrder: 'sequence' }],
    ['a template that is none', { mix: [{ template: { payload: 3 } }] }],
    ['a stride of 0', { mix, share: { stride: 0 } }],
    [
      'offload headers on some',
      { mix: [...mix, { template: { payload: 'x', virtioNetHeader: true } }] },
    ],
  ])('is refused with %s', async (_, change) => {
    await using socket = await UdpSocket.open({ remote: { address: '127.0.0.1', port: 9 } });
    const options = { socket, count: 1, ...change } as GenerateOptions;
    await expect(generate(options)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_ZEROSEND_(INVALID_ARGUMENT|OUT_OF_RANGE)$/),
    });
    expect(socket.nextId).toBe(0);
  });

  it('is refused where the kernel cuts trains of one length, and templates for threads', async () => {
    const remote = { address: '127.0.0.1', port: 9 };
    await using socket = await UdpSocket.open({ remote, segmentSize: 1200 });
    const code = 'ERR_ZEROSEND_INVALID_ARGUMENT';
    await expect(generate({ socket, mix, count: 1 })).rejects.toMatchObject({ code });
    const made = [{ template: template({ payload: 'x' }) }] as unknown as [];
    const job = { socket: { udp: { remote } }, mix: made, count: 4, workers: 2 };
    await expect(generateInWorkers(job)).rejects.toMatchObject({ code });
    const [{ template: one }] = mix as [MixPart];
    const threads = { socket: { udp: { remote } }, count: 4, workers: 2 };
    for (const packets of [
      { mix, fields: [] },
      { template: one, mixOrder: 'sequence' },
    ]) {
      const options = { ...threads, ...packets } as unknown as WorkersOptions;
      await expect(generateInWorkers(options)).rejects.toMatchObject({ code });
    }
  });
});
