import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  type CloseReport,
  type CodedError,
  type PacketOptions,
  PacketSocket,
  type XdpOptions,
  XdpSocket,
} from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { needsRig } from '../../rig/needs.js';
import { event, within } from '../../support/deadline.js';
import { addPair, countsOf, ip } from '../../support/links.js';
import { codeOf, EXACT, failureOf, type Kind, open, take } from './kinds.mjs';
import { stageOf } from './place.js';

describe('sockets whose ring is their pool', await needsRig('veth', { here: true }), () => {
  const stage = stageOf();
  const opened = async (kind: Kind, place = stage) => {
    const { socket, pool, length } = await open(kind, place);
    const send = (buffer = take(pool), bytes = length) => socket.send(buffer, bytes);
    const flushed = () => within(socket.flush(), 'all frames to leave');
    return { socket, pool, length, ids: IdChecker.of(socket), send, flushed };
  };

  it.each([
    ['of the transmit ring leave in the order of their acquisition', 'packet'],
    ['of AF_XDP leave at once', 'xdp'],
  ] as const)('lets frames %s', async (_, kind) => {
    const { socket, pool, ids, send, flushed } = await opened(kind);
    const [first, second, third] = [take(pool), take(pool), take(pool)];
    send(second);
    send(third);
    await delay(100);
    const inOrder = kind === 'packet'; // both wait for the first
    expect(ids.how).toEqual(inOrder ? {} : { copied: 2 });
    expect(socket.needDrain).toBe(inOrder);
    first.release();
    const next = take(pool);
    if (inOrder) expect(next.index).toBe(first.index);
    send(next);
    await flushed();
    await socket.close();
    const how = inOrder ? { zerocopy: 3 } : { copied: 3 };
    expect(ids.result()).toEqual({ ids: 3, how, ...EXACT });
  });

  describe.each(['packet', 'xdp'] as const)('%s', (kind) => {
    it('closes its pool with it, whatever listeners are removed', async () => {
      const { socket, pool } = await opened(kind);
      const held = [];
      for (let buffer = pool.tryAcquire(); buffer !== null; buffer = pool.tryAcquire())
        held.push(buffer);
      const closed = { code: 'ERR_ZEROSEND_POOL_CLOSED' };
      const rejected = expect(within(pool.acquire(), 'the rejection')).rejects.toMatchObject(
        closed,
      );
      socket.removeAllListeners();
      await within(socket.close(), 'close()');
      await rejected;
      for (const buffer of held) buffer.release();
      expect(codeOf(() => pool.tryAcquire())).toBe('ERR_ZEROSEND_POOL_CLOSED');
    });

    it('sends as many frames as ids say', async () => {
      const before = countsOf(stage.interface).tx.packets;
      const { socket, pool, length } = await opened(kind);
      for (let sent = 0; sent < 3000; sent++) {
        const buffer = pool.tryAcquire() ?? (await pool.acquire());
        if (sent % 10 === 3) {
          buffer.release();
          socket.send(Buffer.alloc(length, 0xff)); // a broadcast frame of zeros and ones
        } else {
          socket.send(buffer, length);
        }
      }
      const report = await socket.close();
      const sent = countsOf(stage.interface).tx.packets - before;
      expect(report).toMatchObject({ outcome: 'drained', ids: 3000, unfinished: 0 });
      expect(sent).toBeGreaterThanOrEqual(3000);
      expect(sent).toBeLessThan(3010); // the kernel's own neighbour discovery
      expect(socket.stats()).toMatchObject({ inlined: 300, completed: 3000 });
    });

    it('waits while the link is down, and goes on', async () => {
      const { socket, ids, send, flushed } = await opened(kind);
      send();
      await flushed();
      ip(`link set ${stage.interface} down`);
      for (let i = 0; i < 5; i++) send();
      await delay(200);
      expect(socket.inFlight).toBe(5);
      expect(socket.info().linkDown).toBe(true);
      ip(`link set ${stage.interface} up`);
      await flushed();
      expect(socket.info().linkDown).toBe(false);
      expect((await socket.close({ timeout: 1000 })).outcome).toBe('drained');
      expect(socket.stats().linkDown).toBeGreaterThan(0);
      expect(ids.result()).toMatchObject({ ids: 6, ...EXACT });
    });

    it('ends with one error when the interface is deleted', async () => {
      const { name } = addPair();
      const { socket, pool, length, ids } = await opened(kind, { ...stage, interface: name });
      const events: string[] = [];
      socket.on('error', (error) => void events.push((error as CodedError).code));
      socket.on('close', () => void events.push('close'));
      const closed = event<CloseReport>(socket, 'close');
      for (let sent = 0; sent < 100 && socket.fd >= 0; sent++) {
        const buffer = pool.tryAcquire();
        if (buffer !== null && codeOf(() => socket.send(buffer, length)) !== null) break;
        if (sent === 50) ip(`link del ${name}`);
        await delay(1);
      }
      const report = await closed;
      expect(events).toEqual(['ENXIO', 'close']);
      expect(ids.result()).toMatchObject({ ids: report.ids, ...EXACT });
      expect(report.outcome).not.toBe('drained');
    });

    it('refuses what cannot be before it reaches the ring', async () => {
      const range = 'ERR_ZEROSEND_OUT_OF_RANGE';
      for (const [options, code] of [
        [{ interface: 'zsnone0' }, 'ENODEV'],
        [{ interface: 'a'.repeat(20) }, range],
        [{ frames: 0 }, range],
        [{ frameSize: 200_000 }, range],
        [{ frameSize: 3000.5 }, range],
      ] as const) {
        const type = kind === 'packet' ? PacketSocket : XdpSocket;
        const all = { interface: stage.interface, ...options };
        const opening = type.open(all as PacketOptions & XdpOptions);
        await expect(opening, JSON.stringify(options)).rejects.toMatchObject({ code });
      }
      const tooLong = 'ERR_ZEROSEND_FRAME_TOO_LONG';
      const malformed = 'ERR_ZEROSEND_FRAME_MALFORMED';
      const { socket, pool } = await opened(kind);
      const buffer = take(pool);
      expect(codeOf(() => socket.send(buffer, 1600))).toBe(tooLong);
      expect(codeOf(() => socket.send(buffer, 1518))).toBe(tooLong); // it has no tag
      expect(codeOf(() => socket.send(buffer, 8))).toBe(malformed);
      expect(codeOf(() => socket.send(Buffer.alloc(1600)))).toBe(tooLong);
      expect([socket.nextId, pool.acquired]).toEqual([0, 1]);
      buffer.release();
      const batch = [take(pool), take(pool), take(pool)];
      for (const [lengths, code, index] of [
        [[60, 1516, 60], tooLong, 1],
        [[60, 60, 1600], tooLong, 2],
        [[8, 60, 60], malformed, 0],
      ] as const) {
        expect(failureOf(() => socket.sendMany(batch, lengths))).toMatchObject({ code, index });
      }
      for (const frame of batch) frame.release();
      await socket.close();
    });

    it('names the capability that it lacks', async () => {
      const program = fileURLToPath(new URL('unprivileged.mjs', import.meta.url));
      const args = [program, kind, stage.interface];
      const { stdout } = await stage.rig.sender.run(process.execPath, args, { user: 65_534 });
      const message = expect.stringContaining('CAP_NET_RAW');
      expect(JSON.parse(stdout)).toEqual({ code: 'EPERM', message });
    });
  });

  it('does not wedge when the MTU shrinks under a frame', async () => {
    const { socket, pool, ids, send, flushed } = await opened('packet');
    send(take(pool), 1400);
    await flushed();
    const [first, second] = [take(pool), take(pool)];
    send(second, 1400); // waits in the ring for the one before it
    ip(`link set ${stage.interface} mtu 1000`);
    send(first, 900);
    send(take(pool), 900);
    await flushed();
    const held = take(pool);
    expect(codeOf(() => send(held, 1400))).toBe('ERR_ZEROSEND_FRAME_TOO_LONG');
    held.release(); // or the frames behind it would wait for it
    // And the ring goes on.
    for (let i = 0; i < 200; i++) send(pool.tryAcquire() ?? (await pool.acquire()), 900);
    await flushed();
    ip(`link set ${stage.interface} mtu 1500`);
    await socket.close();
    // It alone has failed.
    expect(ids.result()).toEqual({ ids: 204, how: { zerocopy: 203, failed: 1 }, ...EXACT });
  });

  it('takes offload headers that the kernel takes', async () => {
    const socket = await PacketSocket.open({
      interface: stage.interface,
      frames: 16,
      frameSize: 65_000,
      virtioNetHeader: true,
    });
    const ids = IdChecker.of(socket);
    const refusal = (length: number, ...header: [flags: number, type: number, ...number[]]) => {
      const buffer = take(socket.pool);
      const { bytes } = buffer;
      bytes.fill(0, 0, length);
      const [flags, type, ...words] = header;
      bytes.set([flags, type]);
      for (const [i, word] of words.entries()) bytes.writeUInt16LE(word, 2 + 2 * i);
      bytes.write('ffffffffffff0200000000010800', 10, 'hex');
      bytes.write('450000000000000040060000c6120001c6120002', 24, 'hex');
      bytes.writeUInt16BE(Math.max(0, length - 24), 26);
      bytes.writeUInt8(0x50, 10 + 34 + 12); // TCP data offset
      const code = codeOf(() => socket.send(buffer, length));
      if (code !== null) buffer.release();
      return code;
    };
    // Behind flags and type: length of the headers, segment size, where the checksum starts and is.
    const malformed = 'ERR_ZEROSEND_FRAME_MALFORMED';
    expect(refusal(1000, 0, 0)).toBe(null);
    expect(refusal(60_000, 1, 1, 54, 1448, 34, 16)).toBe(null);
    expect(refusal(60_000, 1, 9, 54, 1448, 34, 16)).toBe(malformed); // no such type
    expect(refusal(60_000, 1, 1, 54, 0, 34, 16)).toBe(malformed);
    expect(refusal(60_000, 0, 1, 54, 1448, 34, 16)).toBe(malformed); // no checksum
    expect(refusal(60_000, 1, 1, 60_001, 1448, 34, 16)).toBe(malformed);
    expect(refusal(1000, 1, 0, 0, 0, 990, 16)).toBe(malformed);
    expect(refusal(2000, 0, 0)).toBe('ERR_ZEROSEND_FRAME_TOO_LONG');
    expect(refusal(20, 0, 0)).toBe(malformed);
    await within(socket.flush(), 'all frames to leave');
    await socket.close();
    expect(ids.result()).toEqual({ ids: 2, how: { zerocopy: 2 }, ...EXACT });
  });

  it('has the kernel write the link header', async () => {
    // Or the kernel's own neighbour discovery would be counted, too.
    writeFileSync(`/proc/sys/net/ipv6/conf/${stage.interface}/disable_ipv6`, '1');
    const send = async (options: Partial<PacketOptions>, length: number) => {
      const before = countsOf(stage.interface).tx.bytes;
      const socket = await PacketSocket.open({ interface: stage.interface, ...options });
      for (let i = 0; i < 10; i++) {
        const buffer = take(socket.pool);
        buffer.bytes.fill(0).write('02000000000202000000000188b5', 'hex');
        socket.send(buffer, length);
      }
      await socket.flush();
      const report = await socket.close();
      return { report, bytes: countsOf(stage.interface).tx.bytes - before };
    };
    const raw = await send({}, 1014);
    const linkLayer = { destination: '02:00:00:00:00:02', protocol: 0x88b5 };
    const cooked = await send({ linkLayer }, 1000);
    expect(cooked.report).toMatchObject({ outcome: 'drained', ids: 10, unfinished: 0 });
    expect(cooked.bytes).toBeGreaterThanOrEqual(10_000);
    // The same on the wire; the library has handed over ten headers less.
    const bytesAccepted = raw.report.bytesAccepted - 10 * 14;
    expect(cooked).toEqual({ ...raw, report: { ...raw.report, bytesAccepted } });
  });

  it('says what AF_XDP has granted', async () => {
    const where = { interface: stage.interface };
    const first = await XdpSocket.open({ ...where, frames: 16 });
    const taken = XdpSocket.open({ ...where, frames: 16 });
    await expect(taken).rejects.toMatchObject({ code: 'EBUSY' }); // another socket has the queue
    await first.close();
    for (const [mode, granted] of [
      ['best', { granted: 'copy', queue: 0 }],
      ['copy', { granted: 'copy', reason: "the option mode is 'copy'" }],
    ] as const) {
      const socket = await XdpSocket.open({ ...where, mode });
      expect(socket.info().xdp).toMatchObject(granted);
      await socket.close();
    }
    const refused = (options: object) => expect(XdpSocket.open({ ...where, ...options })).rejects;
    await refused({ mode: 'zerocopy' }).toMatchObject({ code: 'ENOTSUP' });
    await refused({ queue: 999 }).toMatchObject({ code: 'EINVAL' });
  });
});
