// @ts-check
// What is compared with what. In each contest the programs take turns in short slices, and each is
// measured against the first one, round by round.
import { c, js } from './program.mjs';
import { ringContests } from './ring-contests.mjs';

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {'c' | 'js'} language
 * @property {string[]} args of c/sender.c or js/sender.mjs, without protocol and destination
 * @property {string} [sender] js/sender.mjs of another checkout
 * @property {'zerocopied' | 'copied' | 'inlined'} [how] how every send has to complete
 * @property {number} [target] the ratio to the first program that the project aims at
 *
 * @typedef {object} Goal a ratio to another program than the first
 * @property {string} program
 * @property {string} against
 * @property {'rate' | 'cpu'} by bytes for each second, or for each CPU second of the process
 * @property {number} [target] what the project aims at
 *
 * @typedef {object} Contest
 * @property {string} name
 * @property {string} title
 * @property {'udp' | 'tcp' | 'packet' | 'xdp'} protocol
 * @property {'sink' | 'loopback'} path
 * @property {string} [remark]
 * @property {Program[]} programs
 * @property {Goal[]} [goals]
 */

const GSO = ['--size', '65000', '--segment', '1400'];
const BATCH = ['--batch', '32'];
const TCP = ['--size', '65536'];

/** @type {Contest[]} */
export const contests = [
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
  ...ringContests,
];
