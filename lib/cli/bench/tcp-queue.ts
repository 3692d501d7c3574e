import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ZeroCopySocket } from '../../index.js';
import type { Sender } from './senders.js';

/**
 * Has a TCP sender be done only when the peer has acknowledged everything: what a copying send leaves in
 * the socket's buffer would go out at the cost of whoever has the next turn.
 * @param allIs whether everything is acknowledged by now
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

/** By TCP_INFO, which costs next to nothing. */
export function isAcknowledged(socket: ZeroCopySocket): boolean {
  const { notSentBytes, unacknowledgedSegments } = socket.info().tcp ?? {};
  return !notSentBytes && !unacknowledgedSegments;
}

/**
 * Of a connection that is not the library's: by `tx_queue` of its port (proc_net_tcp.rst), and true where
 * /proc does not say. The kernel walks its table of all connections for that, which takes milliseconds
 * of CPU time: so it should be asked rarely.
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
