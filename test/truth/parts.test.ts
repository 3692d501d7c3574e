import { describe, expect, it } from 'vitest';
import { BufferPool, type PooledBuffer, TcpSocket, UdpSocket } from 'zerosend';
import { IdChecker } from '../../rig/ids.mjs';
import { fillDatagram, fillStream, startReceiver } from '../../rig/index.mjs';
import { needsRig, rigUp } from '../rig/needs.js';
import { stopWhenClosed, stopWhenQuiet } from './receiving.js';

const HEADER = 40;
const COUNT = 8;

const needed = await needsRig('veth', { here: true });
describe.each(['tcp', 'udp'] as const)('header and payload in one send over %s', (protocol) => {
  const LENGTH = protocol === 'tcp' ? 60_000 : 1400;
  const SENDS = protocol === 'tcp' ? 50 : 400;

  async function start(rate: string | { rate: string; burst: string } = '50mbit') {
    const rig = await rigUp('veth', { rate, here: true });
    const { v4: address } = rig.receiverAddress;
    const zeroCopy = 'always' as const;
    const open = async () => {
      const receiver = await startReceiver({ protocol, namespace: rig.receiver });
      const { port } = receiver;
      const socket =
        protocol === 'tcp'
          ? await TcpSocket.connect({ host: address, port, zeroCopy })
          : await UdpSocket.open({ remote: { address, port }, zeroCopy });
      return { socket, ids: IdChecker.of(socket), receiver };
    };
    const stop = protocol === 'tcp' ? stopWhenClosed : stopWhenQuiet;
    /** Lets the link go as fast as it does otherwise. */
    const hurry = async () => {
      const shape = ['tbf', 'rate', '50mbit', 'burst', '128kb', 'limit', '16mb'];
      const { name } = rig.senderInterface;
      await rig.sender.run('tc', ['qdisc', 'change', 'dev', name, 'root', ...shape]);
    };
    return { open, stop, hurry };
  }

  const content = Buffer.alloc(LENGTH);
  /** The next piece of what the receiver expects. */
  function next(i: number): Buffer {
    if (protocol === 'tcp') fillStream(content, i * LENGTH, 1);
    else fillDatagram(content, i, 1, LENGTH);
    return content;
  }

  it('are both held until it completes: rewritten the moment they are back', needed, async () => {
    const { open, stop } = await start();
    const { socket, ids, receiver } = await open();
    const [headers, payloads] = [
      new BufferPool({ bufferSize: 4096, count: COUNT }),
      new BufferPool({ bufferSize: 65_536, count: COUNT }),
    ];
    for (let i = 0; i < SENDS; i++) {
      const [header, payload] = [await headers.acquire(), await payloads.acquire()];
      header.bytes.fill(0xff);
      payload.bytes.fill(0xff);
      const bytes = next(i);
      header.bytes.set(bytes.subarray(0, HEADER));
      payload.bytes.set(bytes.subarray(HEADER), 100);
      socket.send([header, { buffer: payload, offset: 100 }], [HEADER, LENGTH - HEADER]);
    }
    await socket.flush();
    expect([headers.free, payloads.free]).toEqual([COUNT, COUNT]);
    for (const pool of [headers, payloads]) expect(pool.stats().mostInFlight).toBe(COUNT);
    await socket.close({ timeout: 20_000 });
    expect(ids.result()).toMatchObject({ ids: SENDS, missing: 0, twice: 0, unknown: 0 });
    expect(ids.how).toEqual({ zerocopy: SENDS });
    const whole = { checked: true, wrongBytes: 0, bytes: SENDS * LENGTH };
    expect(await stop(receiver)).toMatchObject(whole);
  });

  it('may be rewritten when one of two that share the payload is given up', needed, async () => {
    // Hardly anything passes at first, so the interface holds packets of both, however busy the machine is.
    const { open, stop, hurry } = await start({ rate: '100kbit', burst: '5kb' });
    const [doomed, kept] = [await open(), await open()];
    const count = protocol === 'tcp' ? 32 : 256;
    const headers = new BufferPool({ bufferSize: 4096, count: 2 * count });
    const payloads = new BufferPool({ bufferSize: 65_536, count, hugePages: 'none' });
    const take = (pool: BufferPool) => pool.tryAcquire() as PooledBuffer;
    for (let i = 0; i < count; i++) {
      const bytes = next(i);
      const payload = take(payloads);
      payload.bytes.set(bytes.subarray(HEADER));
      payload.retain();
      for (const { socket } of [doomed, kept]) {
        const header = take(headers);
        header.bytes.set(bytes.subarray(0, HEADER));
        socket.send([header, payload], [HEADER, LENGTH - HEADER]);
      }
    }
    expect([headers.acquired, payloads.acquired]).toEqual([0, 0]);
    expect((await doomed.socket.abort()).outcome).toBe('revoked');
    expect(payloads.stats().retired + headers.stats().retired).toBe(0);
    for (let header = headers.tryAcquire(); header; header = headers.tryAcquire()) {
      header.bytes.fill(0xff);
    }
    for (let payload = payloads.tryAcquire(); payload; payload = payloads.tryAcquire()) {
      payload.bytes.fill(0xff);
    }
    await hurry();
    await kept.socket.flush();
    await kept.socket.close({ timeout: 20_000 });
    expect(headers.acquired + headers.free).toBe(2 * count);
    expect(payloads.acquired + payloads.free).toBe(count);
    const exact = { ids: count, missing: 0, twice: 0, unknown: 0 };
    expect(kept.ids.result()).toMatchObject(exact);
    expect(doomed.ids.result()).toMatchObject(exact);
    expect(doomed.ids.how.revoked).toBeGreaterThanOrEqual(1);
    expect(await stop(doomed.receiver)).toMatchObject({ checked: true, wrongBytes: 0 });
    const whole = { checked: true, wrongBytes: 0, bytes: count * LENGTH };
    expect(await stop(kept.receiver)).toMatchObject(whole);
  });
});
