import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { startReceiver } from '../../../rig/index.mjs';
import { needsRig } from '../../rig/needs.js';
import { type Stage, setStage } from './place.js';

const CODE = 'ERR_ZEROSEND_PACING_UNSUPPORTED';

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

describe('maxPacingRate without fq', await needsRig('veth'), () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
  });
  afterAll(() => stage?.dispose());

  it('is refused, and the error names interface and queueing discipline', async () => {
    const seen = await stage.run('pacing-scenarios.mjs', 'refused', 'udp');
    const { name } = stage.rig.senderInterface;
    const refusal = (on: string, qdisc: string) => ({
      code: CODE,
      interface: on,
      qdisc,
      message: expect.stringContaining(`fq: ${on}, by which `),
    });
    const flat = (reason: string) => ({ code: CODE, message: expect.stringContaining(reason) });
    expect(seen).toMatchObject({
      noqueue: refusal(name, 'noqueue'),
      tbf: refusal(name, expect.stringMatching(/^(tbf|bfifo)$/) as never),
      // Not the root's: packets wait in what is below its classes.
      htb: refusal(name, expect.stringMatching(/^p?fifo/) as never),
      mq: refusal('zsp0', expect.not.stringMatching(/mq/) as never),
      bound: refusal('zsp0', expect.not.stringMatching(/mq/) as never),
      v6: refusal(name, 'noqueue'),
      unreachable: { code: 'ENETUNREACH', syscall: 'netlink(RTM_GETROUTE)' },
      unconnected: flat('without options.remote'),
      noInterface: { code: 'ENODEV', interface: 'zsnone0' },
      packet: flat('each flow in the frames by itself'),
      bypass: flat('qdiscBypass goes past'),
      xdp: flat('AF_XDP goes past'),
      undefinedIsNone: { code: 'opened' },
      without: { code: 'opened' },
    });
  });
});
