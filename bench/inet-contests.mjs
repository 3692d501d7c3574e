// @ts-check
// The contests of TCP and UDP sockets.
import { c, js, optional } from './program.mjs';

/** @typedef {import('./run-contest.mjs').ProgramContest} ProgramContest */

const GSO = ['--size', '65000', '--segment', '1400'];
const BATCH = ['--batch', '32'];
const TCP = ['--size', '65536'];

/** @type {ProgramContest[]} */
export const inetContests = [
  {
    name: 'udp-send',
    title: 'UDP, 65000 B as GSO trains of 1400 B, one send a call',
    protocol: 'udp',
    path: 'sink',
    remark:
      'The thread only sleeps: what a process with threads pays for each system call. sendto, with no\n' +
      'header for the kernel to fetch, is what UdpSocket.send uses.',
    programs: [
      c('C sendmsg', GSO, 'zerocopied'),
      c('C beside a thread', [...GSO, '--thread'], 'zerocopied'),
      c('C sendto', [...GSO, '--sendto'], 'zerocopied'),
      c('C, the tightest loop', [...GSO, '--loop', 'tight'], 'zerocopied'),
      c('C sendto beside a thread', [...GSO, '--sendto', '--thread'], 'zerocopied'),
      js('UdpSocket.send', ['zerosend', ...GSO], 'zerocopied', 0.9),
    ],
  },
  {
    name: 'udp-send-many',
    title: 'UDP, 65000 B as GSO trains of 1400 B, 32 sends a call',
    protocol: 'udp',
    path: 'sink',
    programs: [
      c('C sendmmsg', [...GSO, ...BATCH], 'zerocopied'),
      js('UdpSocket.sendMany, a run', ['zerosend', ...GSO, ...BATCH, '--runs'], 'zerocopied', 0.95),
      js('UdpSocket.sendMany, an array', ['zerosend', ...GSO, ...BATCH], 'zerocopied'),
      optional(c('C, io_uring SEND_ZC', [...GSO, ...BATCH, '--loop', 'uring'], 'zerocopied')),
    ],
  },
  {
    name: 'udp-copying',
    title: 'UDP, what copying costs, beside UdpSocket.send',
    protocol: 'udp',
    path: 'sink',
    remark:
      'Copying senders use 16 buffers in turn, which stay in the cache, but where it says 256.\n' +
      'node:dgram cannot ask for GSO: 65000 B leave as one datagram in IP fragments.',
    programs: [
      js('UdpSocket.send', ['zerosend', ...GSO], 'zerocopied'),
      js('UdpSocket, copying', ['zerosend', ...GSO, '--zero-copy', 'never'], 'inlined'),
      c('C, copying', [...GSO, '--copy'], 'inlined'),
      c('C, copying, 256 in turn', [...GSO, '--copy', '--rotate'], 'inlined'),
      js('node:dgram 65000 B', ['dgram', '--size', '65000']),
      js('node:dgram 1400 B', ['dgram', '--size', '1400']),
    ],
  },
  {
    name: 'udp-loopback',
    title: 'UDP over loopback, 65000 B as GSO trains of 1400 B, asking for zero copy',
    protocol: 'udp',
    path: 'loopback',
    remark: 'Loopback copies, and its completions say so: what asking costs where it does not pay.',
    programs: [c('C sendmsg', GSO), js('UdpSocket.send', ['zerosend', ...GSO])],
  },
  {
    name: 'tcp-send',
    title: 'TCP over loopback, 64 KB a send, asking for zero copy',
    protocol: 'tcp',
    path: 'loopback',
    programs: [c('C sendmsg', TCP), js('TcpSocket.send', ['zerosend', ...TCP])],
  },
  {
    name: 'tcp-copying',
    title: 'TCP over loopback, 64 KB a send, copying',
    protocol: 'tcp',
    path: 'loopback',
    remark: "'auto' has found out that this path copies, and asks only now and then.",
    programs: [
      c('C, copying', [...TCP, '--copy'], 'inlined'),
      js("TcpSocket, 'never'", ['zerosend', ...TCP, '--zero-copy', 'never'], 'inlined'),
      js("TcpSocket, 'auto'", ['zerosend', ...TCP, '--zero-copy', 'auto']),
      js('node:net', ['net', ...TCP]),
    ],
  },
];
