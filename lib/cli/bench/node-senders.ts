import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { isIPv6 } from 'node:net';
import type { Endpoint } from './network.js';
import type { Counts, Sender } from './senders.js';
import { isPortAcknowledged, untilAcknowledged } from './tcp-queue.js';

const BURST = 64; // how many sends are under way at once
const SEND_BUFFER = 4 << 20; // what the library asks for
const HIGH_WATER_MARK = 1 << 20;
/** ms between looks at the queue: a look costs as much CPU time as sending some megabytes. */
const LOOKED_FOR_EVERY = 5;

/**
 * Sends by node:dgram, as programs without this library do: many sends under way at once, as fast
 * as possible.
 */
export async function openDgram(
  { address, port }: Endpoint,
  buffers: readonly Uint8Array[],
): Promise<Sender> {
  const type = isIPv6(address) ? 'udp6' : 'udp4';
  const socket = dgram.createSocket({ type, sendBufferSize: SEND_BUFFER });
  socket.connect(port, address);
  await once(socket, 'connect');
  const tally = new Tally();
  const size = buffers[0]?.byteLength ?? 0;
  let next = 0;

  function burst(): Promise<void> {
    return new Promise((resolve) => {
      let left = BURST;
      const onSent = (error: NodeJS.ErrnoException | null) => {
        // An ICMP error says of an earlier datagram that no socket listens there, which is no
        // failure here.
        if (error?.code === 'ECONNREFUSED') tally.notSent(size);
        else if (error) tally.failed++;
        if (--left === 0) resolve();
      };
      for (let i = 0; i < BURST; i++) {
        const buffer = buffers[next] as Uint8Array;
        next = next + 1 === buffers.length ? 0 : next + 1;
        tally.sent(buffer);
        socket.send(buffer, onSent);
      }
    });
  }

  return {
    async send(until) {
      do await burst();
      while (performance.now() < until);
    },
    counts: () => tally.counts(),
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** Sends by node:net: `write`, and waits for `drain` when `write` returns false. */
export async function openNet(
  { address, port }: Endpoint,
  buffers: readonly Uint8Array[],
): Promise<Sender> {
  const wish = { host: address, port, noDelay: true, writableHighWaterMark: HIGH_WATER_MARK };
  const socket = net.connect(wish);
  await once(socket, 'connect');
  const tally = new Tally();
  let next = 0;
  let open = 0;
  let written = () => {};
  const onWritten = (error: Error | null | undefined) => {
    if (error) tally.failed++;
    if (--open === 0) written();
  };

  const sender: Sender = {
    async send(until) {
      do {
        for (let i = 0; i < 16; i++) {
          const buffer = buffers[next] as Uint8Array;
          next = next + 1 === buffers.length ? 0 : next + 1;
          tally.sent(buffer);
          open++;
          if (!socket.write(buffer, onWritten)) await once(socket, 'drain');
        }
      } while (performance.now() < until);
      if (open > 0)
        await new Promise<void>((resolve) => {
          written = resolve;
        });
    },
    counts: () => tally.counts(),
    async close() {
      socket.end();
      await once(socket, 'close');
    },
  };
  const { localPort = 0 } = socket;
  return untilAcknowledged(sender, () => isPortAcknowledged(localPort), LOOKED_FOR_EVERY);
}

class Tally {
  failed = 0;
  private sends = 0;
  private bytes = 0;

  sent(buffer: Uint8Array): void {
    this.sends++;
    this.bytes += buffer.byteLength;
  }

  notSent(bytes: number): void {
    this.sends--;
    this.bytes -= bytes;
  }

  counts(): Counts {
    const { sends, bytes, failed } = this;
    return { sends, bytes, zerocopied: 0, fallbacks: 0, failed };
  }
}
