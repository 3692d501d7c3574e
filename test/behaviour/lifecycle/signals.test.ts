import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { expect, it } from 'vitest';
import { UdpSocket } from 'zerosend';

/** The signals that a thread of this process blocks: bit n-1 for signal n (proc(5), SigBlk). */
function blockedBy(thread: string): bigint {
  const status = readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
  return BigInt(`0x${/^SigBlk:\s+([0-9a-f]+)$/m.exec(status)?.[1]}`);
}

it('the poller thread blocks all signals: they are for the threads of Node', async () => {
  const before = blockedBy(`${process.pid}`);
  const socket = await UdpSocket.open();
  const find = () =>
    readdirSync('/proc/self/task').filter(
      (thread) => readFileSync(`/proc/self/task/${thread}/comm`, 'utf8') === 'zerosend-poller\n',
    );
  await expect.poll(find, { timeout: 10_000 }).not.toEqual([]); // it names itself
  const pollers = find();
  // These two cannot be blocked.
  const { SIGKILL, SIGSTOP, ...signals } = constants.signals;
  const missing = pollers.flatMap((thread) => {
    const blocked = blockedBy(thread);
    return Object.entries(signals).filter(
      ([, number]) =>
        number !== SIGKILL && number !== SIGSTOP && !((blocked >> BigInt(number - 1)) & 1n),
    );
  });
  expect(missing).toEqual([]);
  expect(blockedBy(`${process.pid}`)).toBe(before); // and not those of whoever opens a socket
  await socket.close();
});
