import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ZeroCopySocket } from '../../index.js';
import type { Sender } from './senders.js';

/**
 * Wraps a TCP sender so that it is done only when the peer has acknowledged everything: data that a
 * copying send leaves in the socket's buffer would be sent during the next sender's turn, and at
 * its cost.
 * @param allreturns whether everything is acknowledged by now
 * @param pause milliseconds before it is asked, and between two questions
 */
export function untilAcknowledged(sender: Sender, allIs: () => boolean, pause = 1): Sender {
  return {
    ...sender,
    async send(until) {
      await sender.send(until);
      do await sleep(pause);
      while (!allIs());
    },
  };
}

/** Whether everything on a socket of the library is acknowledged, by TCP_INFO, which is cheap. */
export function isAcknowledged(socket: ZeroCopySocket): boolean {
  const { notSentBytes, unacknowledgedSegments } = socket.info().tcp ?? {};
  return !notSentBytes && !unacknowledgedSegments;
}

/**
 * Whether everything on another connection is acknowledged, by `tx_queue` of its port
 * (proc_net_tcp.rst); true where /proc does not say. The kernel walks its table of all connections
 * for that, which takes milliseconds of CPU time, so it should be called rarely.
 */
export function isPortAcknowledged(localPort: number): boolean {
  const port = localPort.toString(16).toUpperCase().padStart(4, '0');
  const line = new RegExp(`^\\s*\\d+: [0-9A-F]+:${port} \\S+ \\S+ ([0-9A-F]+):`, 'm');
  for (const table of ['tcp', 'tcp6']) {
    try {
      const found = line.exec(readFileSync(`/proc/self/net/${table}`, 'latin1'))?.[1];
      if (found !== undefined) return Number.parseInt(found, 16) === 0;
    } catch {
      // Not there without IPv6, or without /proc.
    }
  }
  return true;
}
