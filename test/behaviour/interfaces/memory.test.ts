import { describe, expect, it } from 'vitest';
import {
  BufferPool,
  type BufferRun,
  PacketSocket,
  TcpSocket,
  UdpSocket,
  XdpSocket,
} from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { needsRig } from '../../rig/needs.js';
import { codeOf, EXACT, open, take } from './kinds.mjs';
import { stageOf } from './place.js';

const FRAME = 1000;
const WRONG_POOL = 'ERR_ZEROSEND_WRONG_POOL';

describe('memory that is shared with the kernel', await needsRig('veth', { here: true }), () => {
  const stage = stageOf();

  it.each(['packet', 'xdp'] as const)(
    'of %s is refused by every other socket, in every way of sending',
    async (kind) => {
      const { socket, pool } = await open(kind, stage, 32);
      const ids = IdChecker.of(socket);
      const remote = { address: stage.address, port: stage.ports.udp };
      const zeroCopy = 'always' as const;
      const udp = await UdpSocket.open({ remote, zeroCopy });
      const copying = await UdpSocket.open({ remote, zeroCopy: 'never' });
      const tcp = await TcpSocket.connect({ host: stage.address, port: stage.ports.tcp, zeroCopy });
      const ring = await PacketSocket.open({ interface: stage.interface, frames: 16 });
      const others: Record<string, UdpSocket | TcpSocket | PacketSocket | XdpSocket> = {
        ...{ udp, copying, tcp, ring },
      };
      // On a queue of its own, where the interface has one.
      const xdp = { interface: stage.interface, frames: 16 };
      if (kind === 'packet')
        await XdpSocket.open(xdp).then(
          (one) => (others.xdp = one),
          () => {},
        );

      const [buffer, next] = [take(pool), take(pool)];
      const run = pool.tryAcquireRun(3) as BufferRun;
      const view = buffer.bytes.subarray(0, 500);
      const across = run.memory.subarray(run.offset + 100, run.offset + 100 + run.stride);
      const otherType = new Uint8Array(view.buffer, view.byteOffset, 10);
      const own = new BufferPool({ count: 2, bufferSize: 4096 });
      const mine = take(own);
      for (const [name, other] of Object.entries(others)) {
        const refuses = (way: string, action: () => unknown) =>
          expect(codeOf(action), `${name} ${way}`).toBe(WRONG_POOL);
        refuses('send', () => other.send(buffer, FRAME));
        refuses('sendMany', () => other.sendMany([buffer, next], FRAME));
        refuses('run', () => other.sendMany(run, FRAME));
        if (other instanceof UdpSocket) {
          refuses('sendTo', () => other.sendTo(buffer, FRAME, remote));
          refuses('view sendTo', () => other.sendTo(view, 500, remote));
        }
        if (other instanceof XdpSocket) refuses('packet', () => other.sendPacket([buffer], FRAME));
        if (other instanceof PacketSocket || other instanceof XdpSocket) continue; // they copy views
        refuses('mixed', () => other.sendMany([mine, buffer], FRAME));
        refuses('view', () => other.send(view));
        refuses('view over two frames', () => other.send(across));
        refuses('view of another type', () => other.send(otherType));
      }
      expect([udp, copying, tcp, ring].map(({ nextId }) => nextId)).toEqual([0, 0, 0, 0]);
      expect(pool).toMatchObject({ acquired: 5, inFlight: 0 });
      expect(own.acquired).toBe(1);

      // All of it is where it was, and goes out by its own socket.
      for (const one of [buffer, next]) socket.send(one, FRAME);
      socket.sendMany(run, FRAME);
      await socket.flush();
      expect(pool.stats()).toMatchObject({ free: pool.count, retired: 0 });
      await socket.close();
      await pool.close();
      expect(ids.result()).toMatchObject({ ids: 5, ...EXACT });
      expect(codeOf(() => udp.send(view))).toBe(WRONG_POOL);
      mine.release();
      // Copied it may be, and the sockets are none the worse for it.
      udp.send(Buffer.from(view));
      await udp.flush();
      for (const other of Object.values(others)) await other.close();
    },
  );
});
