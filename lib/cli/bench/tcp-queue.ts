import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sender } from './senders.js';

/**
 * Has a TCP sender be done only when the peer has acknowledged everything: what a copying send leaves in
 * the socket's buffer would go out at the cost of whoever has the next turn.
 */
export function untilAcknowledged(sender: Sender, localPort: number): Sender {
  return {
    ...sender,
    async send(until) {
      await sender.send(until);
      while (queued(localPort) > 0) await sleep(1);
    },
  };
}

/** Bytes of a connection that are not acknowledged (`tx_queue`, proc_net_tcp.rst); 0 where /proc does not say. */
function queued(localPort: number): number {
  const port = localPort.toString(16).toUpperCase().padStart(4, '0');
  const line = new RegExp(`^\\s*\\d+: [0-9A-F]+:${port} \\S+ \\S+ ([0-9A-F]+):`, 'm');
  for (const table of ['tcp', 'tcp6']) {
    try {
      const found = line.exec(readFileSync(`/proc/self/net/${table}`, 'latin1'))?.[1];
      if (found !== undefined) return Number.parseInt(found, 16);
    } catch {
      // Not there without IPv6, or without /proc.
    }
  }
  return 0;
}
