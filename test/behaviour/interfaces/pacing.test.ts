import { describe, expect, it } from 'vitest';
import {
  BufferPool,
  type PacketOptions,
  PacketSocket,
  TcpSocket,
  UdpSocket,
  XdpSocket,
} from 'zerosend';
import { startReceiver } from '../../../rig/index.mjs';
import { needsRig } from '../../rig/needs.js';
import { addPair, run } from '../../support/links.js';
import { stageOf } from './place.js';

const CODE = 'ERR_ZEROSEND_PACING_UNSUPPORTED';
const flat = (reason: string) => ({ code: CODE, message: expect.stringContaining(reason) });
/** With an option that ring sockets do not have. */
const paced = <T extends object>(options: T): T => ({ ...options, maxPacingRate: 1000 });

describe('maxPacingRate over loopback', () => {
  it('is kept by TCP', async () => {
    const receiver = await startReceiver({ protocol: 'tcp', discard: true });
    const rate = 4_000_000;
    const target = { host: '127.0.0.1', port: receiver.port };
    const socket = await TcpSocket.connect({ ...target, maxPacingRate: rate, zeroCopy: 'always' });
    const pool = new BufferPool({ bufferSize: 65_536, count: 16 });
    const start = performance.now();
    for (let sent = 0; sent < 64; sent++) {
      socket.send(pool.tryAcquire() ?? (await pool.acquire()), 62_500);
    }
    const { maxPacingRate } = socket.info();
    const report = await socket.close({ timeout: 20_000 });
    const seconds = (performance.now() - start) / 1000;
    const { bytes } = await receiver.stop();
    expect(maxPacingRate).toBe(rate);
    expect(report).toMatchObject({ outcome: 'drained', ids: 64, unfinished: 0 });
    expect(bytes).toBe(4_000_000);
    // A second, of which the kernel's first bursts may take some. Without a rate it takes some 10 ms.
    expect(seconds).toBeGreaterThan(0.6);
  });

  it('can be more than 32 bits', async () => {
    const receiver = await startReceiver({ protocol: 'tcp', discard: true });
    const target = { host: '127.0.0.1', port: receiver.port };
    const socket = await TcpSocket.connect({ ...target, maxPacingRate: 50e9 });
    const none = await TcpSocket.connect(target);
    expect(socket.info().maxPacingRate).toBe(50e9);
    expect(none.info().maxPacingRate).toBeUndefined();
    await socket.close();
    await none.close();
    await receiver.stop();
  });

  it('is refused by UDP, with the reason', async () => {
    const opening = UdpSocket.open({
      remote: { address: '127.0.0.1', port: 9 },
      maxPacingRate: 1000,
    });
    await expect(opening).rejects.toMatchObject({
      code: CODE,
      interface: 'lo',
      message: expect.stringMatching(/fq: lo, by which 127\.0\.0\.1 is reached, has \w+$/),
    });
  });
});

describe('maxPacingRate without fq', await needsRig('veth', { here: true }), () => {
  const stage = stageOf();

  it('is refused, and the error names interface and queueing discipline', async () => {
    const { interface: name, address } = stage;
    const remote = { address, port: 9 };
    const open = (options: object = { remote }) =>
      UdpSocket.open({ maxPacingRate: 1_000_000, ...options });
    const refusal = (on: string, qdisc: unknown) => ({
      code: CODE,
      interface: on,
      qdisc,
      message: expect.stringContaining(`fq: ${on}, by which `),
    });
    await expect(open()).rejects.toMatchObject(refusal(name, 'noqueue'));
    const v6 = { address: 'fd00:198:18::2', port: 9 };
    await expect(open({ remote: v6 })).rejects.toMatchObject(refusal(name, 'noqueue'));
    run(`tc qdisc add dev ${name} root tbf rate 1gbit burst 128kb limit 1mb`);
    const tbf = refusal(name, expect.stringMatching(/^(tbf|bfifo)$/));
    await expect(open()).rejects.toMatchObject(tbf);
    run(`tc qdisc del dev ${name} root`);
    // Not the root's: packets wait in what is below its classes.
    run(`tc qdisc add dev ${name} root handle 1: htb default 1`);
    run(`tc class add dev ${name} parent 1: classid 1:1 htb rate 1gbit`);
    await expect(open()).rejects.toMatchObject(refusal(name, expect.stringMatching(/^p?fifo/)));
    run(`tc qdisc del dev ${name} root`);
    const { name: second } = addPair({ options: ' numtxqueues 2' });
    run(`ip address add 198.18.9.1/24 dev ${second}`);
    run(`tc qdisc add dev ${second} root handle 1: mq`);
    const mq = refusal(second, expect.not.stringMatching(/mq/));
    await expect(open({ remote: { address: '198.18.9.2', port: 9 } })).rejects.toMatchObject(mq);
    await expect(open({ remote, interface: second })).rejects.toMatchObject(mq);
    await (await UdpSocket.open({ remote })).close();
  });

  it.each<[string, (name: string, address: string) => Promise<unknown>, object]>([
    [
      'an unreachable address',
      () => UdpSocket.open({ maxPacingRate: 1000, remote: { address: '203.0.113.1', port: 9 } }),
      { code: 'ENETUNREACH', syscall: 'netlink(RTM_GETROUTE)' },
    ],
    [
      'an interface that is not there',
      (_, address) =>
        UdpSocket.open({ maxPacingRate: 1000, remote: { address, port: 9 }, interface: 'zsnone0' }),
      { code: 'ENODEV', interface: 'zsnone0' },
    ],
    ['no remote', () => UdpSocket.open({ maxPacingRate: 1000 }), flat('without options.remote')],
    [
      'a packet socket',
      (name) => PacketSocket.open(paced({ interface: name })),
      flat('each flow in the frames by itself'),
    ],
    [
      'qdiscBypass',
      (name) => PacketSocket.open(paced({ interface: name, qdiscBypass: true })),
      flat('qdiscBypass goes past'),
    ],
    ['AF_XDP', (name) => XdpSocket.open(paced({ interface: name })), flat('AF_XDP goes past')],
  ])('is refused for %s', async (_, open, refusal) => {
    await expect(open(stage.interface, stage.address)).rejects.toMatchObject(refusal);
  });

  it('is none where it is undefined', async () => {
    const options = { interface: stage.interface, maxPacingRate: undefined };
    await (await PacketSocket.open(options as object as PacketOptions)).close();
  });
});
