// @ts-check
// What is compared with what. In each contest the programs take turns in short slices, and each is
// measured against the first one, round by round.
import { frameArgs, frames } from './frames.mjs';

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {'c' | 'js'} language
 * @property {string[]} args of c/sender.c or js/sender.mjs, without protocol and destination
 * @property {'zerocopied' | 'copied' | 'inlined'} [how] how every send has to complete
 * @property {number} [target] the ratio to the first program that the project aims at
 *
 * @typedef {object} Goal a ratio to another program than the first
 * @property {string} program
 * @property {string} against
 * @property {'rate' | 'cpu'} by bytes for each second, or for each CPU second of the process
 * @property {number} target
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
const SMALL = frameArgs(frames.small);
const LARGE = frameArgs(frames.large);
// Frames of 65000 B take 128 KiB of a ring each. Few or many, where it matters which.
const HOT = ['--frames', '16'];
const RING = ['--frames', '64'];
const COLD = ['--frames', '1024'];
const DGRAM_64 = {
  language: /** @type {const} */ ('js'),
  args: ['dgram', '--size', '64', '--count'],
};

/** @type {Contest[]} */
export const contests = [
  {
    name: 'udp-send',
    title: 'UDP, 65000 B as GSO trains of 1400 B, one send a call',
    protocol: 'udp',
    path: 'sink',
    remark: 'The thread only sleeps: what a process with threads pays for each system call.',
    programs: [
      { name: 'C sendmsg', language: 'c', args: GSO, how: 'zerocopied' },
      {
        name: 'C beside a thread',
        language: 'c',
        args: [...GSO, '--thread'],
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
        name: 'UdpSocket.sendMany',
        language: 'js',
        args: ['zerosend', ...GSO, ...BATCH],
        how: 'zerocopied',
        target: 0.95,
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
  {
    name: 'ring-small',
    title: 'AF_PACKET transmit ring, frames of 64 B with a counter in each, kicked every 64',
    protocol: 'packet',
    path: 'sink',
    remark:
      'PacketSocket writes the counter by a compiled field of zerosend/generator. node:dgram sends\n' +
      '64 B of payload, with a counter in each, too. Its bytes are counted likewise.',
    programs: [
      { name: 'C, the ring', language: 'c', args: SMALL, how: 'zerocopied' },
      {
        name: 'PacketSocket.sendMany',
        language: 'js',
        args: ['ring', '--frame', 'small', '--batch', '64'],
        how: 'zerocopied',
        target: 0.93,
      },
      {
        name: 'PacketSocket.send',
        language: 'js',
        args: ['ring', '--frame', 'small'],
        how: 'zerocopied',
      },
      { name: 'node:dgram', ...DGRAM_64 },
    ],
    goals: [{ program: 'PacketSocket.sendMany', against: 'node:dgram', by: 'rate', target: 3.5 }],
  },
  {
    name: 'xdp-small',
    title: 'AF_XDP in copy mode, frames of 64 B with a counter in each, kicked every 64',
    protocol: 'xdp',
    path: 'sink',
    remark: 'As ring-small.',
    programs: [
      { name: 'C, AF_XDP', language: 'c', args: SMALL, how: 'copied' },
      {
        name: 'XdpSocket.sendMany',
        language: 'js',
        args: ['ring', '--frame', 'small', '--batch', '64'],
        how: 'copied',
        target: 0.9,
      },
      {
        name: 'XdpSocket.send',
        language: 'js',
        args: ['ring', '--frame', 'small'],
        how: 'copied',
      },
      { name: 'node:dgram', ...DGRAM_64 },
    ],
    goals: [{ program: 'XdpSocket.sendMany', against: 'node:dgram', by: 'rate', target: 5 }],
  },
  {
    // CPU seconds are those of the process, user and system; bench/sinks.mjs says what is in them.
    name: 'ring-tso',
    title: 'AF_PACKET, TCP frames of 65000 B with an offload header, segments of 1448 B',
    protocol: 'packet',
    path: 'sink',
    remark:
      'Copying is send(2) on an AF_PACKET socket from buffers used in turn: 16 stay in the cache, 1024\n' +
      'do not. A ring of so many frames costs the same whether they are in the cache or not.',
    programs: [
      {
        name: 'C, send, 16 buffers',
        language: 'c',
        args: [...LARGE, ...HOT, '--copy'],
        how: 'inlined',
      },
      {
        name: 'C, send, 1024 buffers',
        language: 'c',
        args: [...LARGE, ...COLD, '--copy'],
        how: 'inlined',
      },
      {
        name: 'C, the ring, 64 frames',
        language: 'c',
        args: [...LARGE, ...RING],
        how: 'zerocopied',
      },
      {
        name: 'C, the ring, 1024 frames',
        language: 'c',
        args: [...LARGE, ...COLD],
        how: 'zerocopied',
      },
      {
        name: 'PacketSocket, 64 frames',
        language: 'js',
        args: ['ring', '--frame', 'large', '--batch', '64', ...RING],
        how: 'zerocopied',
      },
      {
        name: 'PacketSocket, 1024 frames',
        language: 'js',
        args: ['ring', '--frame', 'large', '--batch', '64', ...COLD],
        how: 'zerocopied',
      },
    ],
    goals: [
      {
        program: 'PacketSocket, 64 frames',
        against: 'C, send, 16 buffers',
        by: 'cpu',
        target: 3.05,
      },
      {
        program: 'PacketSocket, 1024 frames',
        against: 'C, send, 1024 buffers',
        by: 'cpu',
        target: 3.05,
      },
    ],
  },
];
