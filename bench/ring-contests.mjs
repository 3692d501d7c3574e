// @ts-check
// The contests of sockets whose ring is their pool.
import { frameArgs, frames } from './frames.mjs';
import { CYCLES } from './patch/published.mjs';
import { c, js, optional, tool } from './program.mjs';

/** @typedef {import('./run-contest.mjs').ProgramContest} ProgramContest */

const SMALL = frameArgs(frames.small);
const LARGE = frameArgs(frames.large);
// Frames of 65000 B take 128 KiB of a ring each. Few or many, where it matters which.
const HOT = ['--frames', '16'];
const RING = ['--frames', '64'];
const COLD = ['--frames', '1024'];
const DGRAM_64 = js('node:dgram', ['dgram', '--size', '64', '--count']);

/** @type {ProgramContest[]} */
export const ringContests = [
  {
    name: 'ring-small',
    title: 'AF_PACKET transmit ring, frames of 64 B with a counter in each, kicked every 64',
    protocol: 'packet',
    path: 'sink',
    remark:
      'PacketSocket writes the counter by a compiled field of zerosend/generator. node:dgram sends\n' +
      '64 B of payload, with a counter in each, too. Its bytes are counted likewise. tcpreplay and trafgen\n' +
      'send one frame over and over; their CPU time is that of whole processes.',
    programs: [
      c('C, the ring', SMALL, 'zerocopied'),
      js(
        'PacketSocket, runs of 256',
        ['ring', '--frame', 'small', '--runs', '--batch', '256'],
        'zerocopied',
        0.93,
      ),
      js(
        'PacketSocket.sendMany of 64',
        ['ring', '--frame', 'small', '--batch', '64'],
        'zerocopied',
      ),
      js('PacketSocket.send', ['ring', '--frame', 'small'], 'zerocopied'),
      DGRAM_64,
      optional(tool('tcpreplay', ['tcpreplay'], 'inlined')),
      optional(tool('trafgen', ['trafgen'])),
    ],
    goals: [
      { program: 'PacketSocket, runs of 256', against: 'node:dgram', by: 'rate', target: 3.5 },
    ],
  },
  {
    name: 'xdp-small',
    title: 'AF_XDP in copy mode, frames of 64 B with a counter in each, kicked every 64',
    protocol: 'xdp',
    path: 'sink',
    remark: 'As ring-small.',
    programs: [
      c('C, AF_XDP', SMALL, 'copied'),
      js(
        'XdpSocket, runs of 256',
        ['ring', '--frame', 'small', '--runs', '--batch', '256'],
        'copied',
        0.9,
      ),
      js('XdpSocket.sendMany of 64', ['ring', '--frame', 'small', '--batch', '64'], 'copied'),
      js('XdpSocket.send', ['ring', '--frame', 'small'], 'copied'),
      DGRAM_64,
    ],
    goals: [{ program: 'XdpSocket, runs of 256', against: 'node:dgram', by: 'rate', target: 5 }],
  },
  {
    // CPU seconds are those of the process, user and system; bench/sinks.mjs says what is in them.
    name: 'ring-tso',
    title: 'AF_PACKET, TCP frames of 65000 B with an offload header, segments of 1448 B',
    protocol: 'packet',
    path: 'sink',
    remark:
      'Copying is send(2) on an AF_PACKET socket from buffers used in turn: 16 stay in the cache, 1024\n' +
      'do not. What goes through a ring is not read: there, many frames cost little more than few.',
    programs: [
      c('C, send, 16 buffers', [...LARGE, ...HOT, '--copy'], 'inlined'),
      c('C, send, 1024 buffers', [...LARGE, ...COLD, '--copy'], 'inlined'),
      c('C, the ring, 64 frames', [...LARGE, ...RING], 'zerocopied'),
      c('C, the ring, 1024 frames', [...LARGE, ...COLD], 'zerocopied'),
      js(
        'PacketSocket, 64 frames',
        ['ring', '--frame', 'large', '--batch', '64', ...RING],
        'zerocopied',
      ),
      js(
        'PacketSocket, 1024 frames',
        ['ring', '--frame', 'large', '--batch', '64', ...COLD],
        'zerocopied',
      ),
    ],
    goals: [
      {
        program: 'PacketSocket, 64 frames',
        against: 'C, send, 16 buffers',
        by: 'cpu',
        target: CYCLES.copying / CYCLES.zerocopy,
        source: 'the patch',
      },
      {
        program: 'PacketSocket, 1024 frames',
        against: 'C, send, 1024 buffers',
        by: 'cpu',
      },
    ],
  },
];
