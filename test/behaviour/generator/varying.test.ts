import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { UdpSocket } from 'zerosend';
import {
  type AnyField,
  compile,
  generate,
  generateInWorkers,
  type PacketDescription,
  template,
} from 'zerosend/generator';
import { eventually } from '../../faults/peers.js';
import { needsRig } from '../../rig/needs.js';
import { ETHERNET, INTACT, Wire } from './support/wire.js';

const IPV4 = { source: '198.18.0.1', destination: '198.18.0.2' };
const packet = { ethernet: ETHERNET, ipv4: IPV4, udp: { source: 1024, destination: 9 } };
const NUMBERED: AnyField = { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} };
const IMIX: AnyField = { target: 'length', list: 'imix' };
const FLOWS: AnyField = {
  targets: ['ipv4.source', 'udp.source'],
  list: Array.from({ length: 50 }, (_, i) => [`198.18.1.${i}`, 2000 + i]),
};

/** The packets as they are made one by one. */
function packetsOf(description: PacketDescription, fields: readonly AnyField[], count: number) {
  const sequence = compile(template(description), fields);
  const bytes = Buffer.alloc(sequence.length);
  sequence.init(bytes);
  return Array.from({ length: count }, () => Buffer.from(bytes.subarray(0, sequence.stamp(bytes))));
}

const bytesOf = (packets: readonly Buffer[]) =>
  packets.reduce((sum, { length }) => sum + length, 0);

describe('packets of changing length, over veth', await needsRig('veth', { here: true }), () => {
  let wire: Wire;
  beforeAll(async () => {
    wire = await Wire.set('veth');
  });
  afterAll(() => wire?.dispose());

  it.each(['packet', 'xdp'] as const)(
    'arrive through a %s socket as they were made',
    async (kind) => {
      const fields = [IMIX, FLOWS, NUMBERED];
      const count = 3003; // no multiple of a batch, nor of the mix
      const { heard, frames, sent } = await wire.hear(
        () =>
          wire.run(kind, { frames: 256 }, (socket) =>
            generate({ socket, template: packet, fields, count, rate: 20_000 }),
          ),
        { sequence: 0, save: true },
      );
      const wanted = packetsOf(packet, fields, count);
      expect(heard).toMatchObject({
        ...INTACT,
        frames: count,
        unique: count,
        bytes: bytesOf(wanted),
      });
      expect(frames.findIndex((frame, i) => !frame.equals(wanted[i] as Buffer))).toBe(-1);
      const all = { packets: count, bytes: bytesOf(wanted), failed: 0, unfinished: 0 };
      expect(sent.report).toMatchObject(all);
    },
  );

  it('arrive with the checksums that the kernel finishes behind an offload header', async () => {
    const fields = [
      { target: 'length', random: { min: 60, max: 1514, seed: 3 } },
      NUMBERED,
    ] as const;
    const offload = { ...packet, virtioNetHeader: true };
    const { heard, frames } = await wire.hear(
      () =>
        wire.run('packet', { virtioNetHeader: true }, (socket) =>
          generate({ socket, template: offload, fields, count: 1000, rate: 20_000 }),
        ),
      { sequence: 0, save: true },
    );
    expect(heard).toMatchObject({ ...INTACT, frames: 1000, unique: 1000 });
    const wanted = packetsOf(packet, fields, 1000);
    expect(frames.findIndex((frame, i) => !frame.equals(wanted[i] as Buffer))).toBe(-1);
  });

  it('are parts of a mix, beside payloads of a list, each as its template has it', async () => {
    const queries: PacketDescription = { ...packet, udp: { source: 1024, destination: 53 } };
    const names = Array.from({ length: 30 }, (_, i) => `${'x'.repeat(i + 1)}.example.com`);
    const asked: AnyField[] = [
      { target: 'payload', list: names, as: 'dns' },
      { target: { layer: 'payload', offset: 0, width: 2 }, counter: {} },
    ];
    const mix = [
      { template: packet, fields: [IMIX, NUMBERED], weight: 2 },
      { template: queries, fields: asked, weight: 1 },
      { template: { ...packet, udp: { source: 1, destination: 7 }, length: 300 }, weight: 1 },
    ];
    const count = 2400;
    const { frames, sent } = await wire.hear(
      () =>
        wire.run('packet', { frames: 64 }, (socket) =>
          generate({ socket, mix, count, rate: 20_000 }),
        ),
      { save: true },
    );
    expect(frames).toHaveLength(count);
    for (const [i, { template: described, fields, weight = 1 }] of mix.entries()) {
      const port = described.udp?.destination;
      const own = frames.filter((frame) => frame.readUInt16BE(36) === port);
      const wanted = packetsOf(described, fields ?? [], (count * weight) / 4);
      expect(own.map((frame) => frame.toString('hex'))).toEqual(
        wanted.map((frame) => frame.toString('hex')),
      );
      const counted = { packets: wanted.length, bytes: bytesOf(wanted) };
      expect(sent.report.templates[i]).toEqual(counted);
    }
  });

  it('are each sent once by workers', async () => {
    const fields: AnyField[] = [
      { target: 'length', random: { min: 60, max: 400, seed: 9 } },
      FLOWS,
      NUMBERED,
    ];
    const count = 2001;
    const { frames, sent } = await wire.hear(
      () =>
        generateInWorkers({
          socket: { packet: { interface: wire.rig.senderInterface.name } },
          template: packet,
          fields,
          workers: 2,
          count,
          rate: 20_000,
        }),
      { save: true },
    );
    const wanted = packetsOf(packet, fields, count);
    const hex = (all: readonly Buffer[]) => all.map((one) => one.toString('hex')).sort();
    expect(hex(frames)).toEqual(hex(wanted));
    expect(sent).toMatchObject({ packets: count, bytes: bytesOf(wanted) });
  });
});

describe('datagrams of changing length', () => {
  it('arrive as they were made, at a rate in bits of their mean, and are counted', async () => {
    const receiver = createSocket('udp4');
    const heard: Buffer[] = [];
    receiver.on('message', (message) => void heard.push(message));
    receiver.bind(0, '127.0.0.1');
    onTestFinished(() => void receiver.close());
    await once(receiver, 'listening');
    const remote = { address: '127.0.0.1', port: receiver.address().port };
    await using socket = await UdpSocket.open({ remote });
    const fields: AnyField[] = [{ target: 'length', list: [1000, 10, 490], weights: [1, 2, 2] }];
    const report = await generate({
      socket,
      template: { payload: Buffer.alloc(700, 'content ') },
      fields,
      count: 200,
      rate: { bits: 400 * 8 * 1000 }, // a thousand of the mean a second
    });
    const wanted = packetsOf({ payload: Buffer.alloc(700, 'content ') }, fields, 200);
    expect(report).toMatchObject({ packets: 200, sends: 200, bytes: 200 * 400 });
    expect(report.pacing?.asked).toBeCloseTo(1000, 9);
    await eventually(() => heard.length).toBe(200);
    expect(heard.map(String)).toEqual(wanted.map(String));
  });

  it('are refused where the kernel cuts trains of one length', async () => {
    const remote = { address: '127.0.0.1', port: 9 };
    await using socket = await UdpSocket.open({ remote, segmentSize: 100 });
    const fields: AnyField[] = [{ target: 'length', list: [100, 90] }];
    await expect(
      generate({ socket, template: { length: 100 }, fields, count: 1 }),
    ).rejects.toMatchObject({
      code: 'ERR_ZEROSEND_INVALID_ARGUMENT',
      message: expect.stringMatching(/several lengths; received number 100/),
    });
    expect(socket.nextId).toBe(0);
  });
});
