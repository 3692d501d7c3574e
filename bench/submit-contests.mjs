// @ts-check
// The contests of the submission thread, with JavaScript or C in front of it.
import { c, js } from './program.mjs';

/** @typedef {import('./run-contest.mjs').ProgramContest} ProgramContest */

const GSO = ['--size', '64400', '--segment', '1400'];
// What is filled stays in a cache of 2 MB.
const FILLS = [...GSO, '--fill'];
const FEW = ['--buffers', '24'];
const THREAD = ['--submit', 'thread'];

/** @type {ProgramContest[]} */
export const submitContests = [
  {
    name: 'submit-fill',
    title: 'UDP, copies 64400 B into each buffer and sends it as GSO trains of 1400 B',
    protocol: 'udp',
    path: 'sink',
    remark:
      'By two threads: one fills and publishes, the other makes the system calls. It takes a processor\n' +
      'for each of them.',
    programs: [
      c('C, one loop', FILLS, 'zerocopied'),
      c('C, two threads', [...FILLS, '--loop', 'handoff'], 'zerocopied'),
      js('UdpSocket.send', ['zerosend', ...FILLS, ...FEW], 'zerocopied'),
      js("submit: 'thread'", ['zerosend', ...FILLS, ...FEW, ...THREAD], 'zerocopied', 1.4),
    ],
  },
  {
    name: 'submit-send',
    title: 'UDP, 64400 B as GSO trains of 1400 B, one send a call, by a thread',
    protocol: 'udp',
    path: 'sink',
    programs: [
      c('C, one loop', GSO, 'zerocopied'),
      c('C, two threads', [...GSO, '--loop', 'handoff'], 'zerocopied'),
      js('UdpSocket.send', ['zerosend', ...GSO], 'zerocopied'),
      js("submit: 'thread'", ['zerosend', ...GSO, ...THREAD], 'zerocopied'),
    ],
  },
];
