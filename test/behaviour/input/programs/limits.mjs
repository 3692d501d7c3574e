// @ts-check
// Sets a limit of its own process, tries what it forbids, lifts it and tries again.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { countDescriptors, given, outcome, report, zerosend } from './report.mjs';

const { BufferPool, UdpSocket } = zerosend;

/** @param {string} limit */
function prlimit(limit) {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(process.pid), limit]);
  if (status !== 0) throw new Error(`prlimit ${limit}: ${stderr}`);
}

const PROGRAMS = {
  async threads() {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const normal = /^Max processes\s+(\S+)/m.exec(limits)?.[1];
    // Started now, because later this process cannot start any.
    const lift = 'read line; exec prlimit --pid "$1" --nproc="$2:"';
    const args = ['-c', lift, 'sh', String(process.pid), String(normal)];
    const lifter = spawn('sh', args, { stdio: ['pipe', 'ignore', 'inherit'] });
    prlimit('--nproc=1:');
    const before = countDescriptors();
    const refused = await outcome(() => UdpSocket.open());
    const left = countDescriptors() - before;
    lifter.stdin.end('now\n');
    await once(lifter, 'exit');
    const socket = await UdpSocket.open({ remote: { address: '127.0.0.1', port: 9 } });
    socket.send(Buffer.alloc(20_000));
    await socket.flush();
    return { refused, left, closed: await socket.close() };
  },

  async memory() {
    const size = Number(/^VmSize:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
    prlimit(`--as=${(size + 2 ** 18) * 1024}:`); // 256 MiB more than now
    const make = (/** @type {number} */ megabytes) =>
      outcome(() => new BufferPool({ bufferSize: 2 ** 20, count: megabytes }).stats());
    return { refused: await make(1024), granted: await make(64) };
  },

  async interfaces() {
    const before = countDescriptors();
    const absent = await outcome(() => UdpSocket.open({ interface: 'no-such-one' }));
    const more = countDescriptors() - before;
    const loopback = await outcome(async () => {
      const remote = { address: '127.0.0.1', port: 9 };
      const socket = await UdpSocket.open({ interface: 'lo', remote });
      socket.send(Buffer.alloc(100));
      return await socket.close();
    });
    return { uid: process.getuid?.(), absent, more, loopback };
  },
};

report(await PROGRAMS[/** @type {keyof typeof PROGRAMS} */ (given.what)]());
