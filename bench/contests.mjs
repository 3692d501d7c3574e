// @ts-check
// What is compared with what. In each contest the programs take turns in short slices, and each is
// measured against the first one, round by round.
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
      { name: 'C sendmsg', language: 'c', args: GSO, how: 'zerocopied' },
      {
        name: 'C beside a thread',
        language: 'c',
        args: [...GSO, '--thread'],
        how: 'zerocopied',
      },
      { name: 'C sendto', language: 'c', args: [...GSO, '--sendto'], how: 'zerocopied' },
      {
        name: 'C sendto beside a thread',
        language: 'c',
        args: [...GSO, '--sendto', '--thread'],
        how: 'zerocopied',
      },
      {
        name: 'UdpSocket.send',
        language: 'js',
        args: ['zerosend', ...GSO],
        how: 'zerocopied',
        target: 0.9,
      },
    ],
  },
  {
    name: 'udp-send-many',
    title: 'UDP, 65000 B as GSO trains of 1400 B, 32 sends a call',
    protocol: 'udp',
    path: 'sink',
    programs: [
      { name: 'C sendmmsg', language: 'c', args: [...GSO, ...BATCH], how: 'zerocopied' },
      {
        name: 'UdpSocket.sendMany, a run',
        language: 'js',
        args: ['zerosend', ...GSO, ...BATCH, '--runs'],
        how: 'zerocopied',
        target: 0.95,
      },
      {
        name: 'UdpSocket.sendMany, an array',
        language: 'js',
        args: ['zerosend', ...GSO, ...BATCH],
        how: 'zerocopied',
      },
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
      { name: 'UdpSocket.send', language: 'js', args: ['zerosend', ...GSO], how: 'zerocopied' },
      {
        name: 'UdpSocket, copying',
        language: 'js',
        args: ['zerosend', ...GSO, '--zero-copy', 'never'],
        how: 'inlined',
      },
      { name: 'C, copying', language: 'c', args: [...GSO, '--copy'], how: 'inlined' },
      {
        name: 'C, copying, 256 in turn',
        language: 'c',
        args: [...GSO, '--copy', '--rotate'],
        how: 'inlined',
      },
      { name: 'node:dgram 65000 B', language: 'js', args: ['dgram', '--size', '65000'] },
      { name: 'node:dgram 1400 B', language: 'js', args: ['dgram', '--size', '1400'] },
    ],
  },
  {
    name: 'udp-loopback',
    title: 'UDP over loopback, 65000 B as GSO trains of 1400 B, asking for zero copy',
    protocol: 'udp',
    path: 'loopback',
    remark: 'Loopback copies, and its completions say so: what asking costs where it does not pay.',
    programs: [
      { name: 'C sendmsg', language: 'c', args: GSO },
      { name: 'UdpSocket.send', language: 'js', args: ['zerosend', ...GSO] },
    ],
  },
  {
    name: 'tcp-send',
    title: 'TCP over loopback, 64 KB a send, asking for zero copy',
    protocol: 'tcp',
    path: 'loopback',
    programs: [
      { name: 'C sendmsg', language: 'c', args: TCP },
      { name: 'TcpSocket.send', language: 'js', args: ['zerosend', ...TCP] },
    ],
  },
  {
    name: 'tcp-copying',
    title: 'TCP over loopback, 64 KB a send, copying',
    protocol: 'tcp',
    path: 'loopback',
    remark: "'auto' has found out that this path copies, and asks only now and then.",
    programs: [
      { name: 'C, copying', language: 'c', args: [...TCP, '--copy'], how: 'inlined' },
      {
        name: "TcpSocket, 'never'",
        language: 'js',
        args: ['zerosend', ...TCP, '--zero-copy', 'never'],
        how: 'inlined',
      },
      {
        name: "TcpSocket, 'auto'",
        language: 'js',
        args: ['zerosend', ...TCP, '--zero-copy', 'auto'],
      },
      { name: 'node:net', language: 'js', args: ['net', ...TCP] },
    ],
  },
  ...ringContests,
];
