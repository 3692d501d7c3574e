// @ts-check
// A datagram in fragments that needs more than twice the send buffer; and EINVAL of other reasons.
import { execFileSync } from 'node:child_process';
import { Books } from '../books.mjs';
import { pause, within } from '../sender.mjs';
import { BufferPool, UdpSocket } from '../zerosend.mjs';

/**
 * @param {{ address: string, family: 4 | 6, zeroCopy: 'always' | 'never', device: string }} argument
 */
export async function run({ address, family, zeroCopy, device }) {
  const remote = { address, port: 9 };
  const socket = await UdpSocket.open({ remote, sendBufferSize: 4096, zeroCopy });
  const pool = new BufferPool({ bufferSize: 65_536, count: 256, hugePages: 'none' });
  const books = new Books(socket);
  const take = () => /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());

  const alone = take();
  const codes = [books.trySend(alone, 60_000)];
  alone.release();
  const small = books.trySend(take(), 100);

  // With others in the kernel it waits, and fails when they have gone; what waits behind it goes out.
  // The link is slow, so that they are there for a while.
  execFileSync(
    'tc',
    ['qdisc', 'replace', 'dev', device, 'root', 'tbf', 'rate', '1mbit'].concat([
      'burst',
      '4kb',
      'limit',
      '1mb',
    ]),
  );
  let queued = -1;
  for (let i = 0; i < 40 && queued < 0; i++) {
    books.send(take(), 1000);
    if (socket.needDrain) queued = socket.nextId;
  }
  books.send(take(), 60_000);
  for (let i = 0; i < 5; i++) books.send(take(), 100);
  await within(socket.flush(), 'flush', 15_000);
  const waited = books.ids.howOf(queued);
  const behind = books.ids.howOf(socket.nextId - 1);

  const cpu = process.cpuUsage();
  await pause(200);
  const { user, system } = process.cpuUsage(cpu);
  const report = await within(socket.close(), 'close');

  // A blackhole is no matter of length.
  const black = family === 4 ? '198.18.99.1' : 'fd00:bad::1';
  execFileSync('ip', [
    `-${family}`,
    'route',
    'add',
    'blackhole',
    `${black}/${family === 4 ? 32 : 128}`,
  ]);
  const any = await UdpSocket.open({ family, zeroCopy });
  const other = new Books(any);
  codes.push(other.trySend(new Uint8Array(10), 10, { address: black, port: 9 }));
  await any.close();
  return {
    codes,
    small,
    waited,
    behind,
    report,
    idle: (user + system) / 1000,
    problems: books.audit([pool]),
  };
}
