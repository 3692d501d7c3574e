// @ts-check
// Measures what a send costs with more sockets, more buffers, and shorter connections.
import { c, js } from './program.mjs';

/** @typedef {import('./run-contest.mjs').ProgramContest} ProgramContest */

const SMALL = ['--size', '1400'];
const GSO = ['--size', '65000', '--segment', '1400'];
const POOLED = ['--size', '4096', '--segment', '1400'];
const SHORT = ['--size', '16384'];
const SOCKETS = [1, 10, 100, 1000, 2000];
const BUFFERS = [16, 256, 4096, 65_536];
/** A send may cost a fifth more CPU time, which means this share of the bytes a CPU second. */
const WITHIN = 1 / 1.2;

/** @param {string} what @param {number} count */
const named = (what, count) => `${what}, ${count} socket${count === 1 ? '' : 's'}`;

/**
 * Programs with several numbers of sockets, each compared with one socket.
 * @param {string[]} args @param {import('./run-contest.mjs').Program['how']} how
 */
function crowds(args, how) {
  return SOCKETS.map((count) =>
    js(named('UdpSocket', count), ['crowd', ...args, '--sockets', String(count)], how),
  );
}

/** @param {number} count @returns {import('./run-contest.mjs').Goal} */
const asOne = (count) => ({
  program: named('UdpSocket', count),
  against: named('UdpSocket', 1),
  by: 'cpu',
  target: WITHIN,
});

/** @type {ProgramContest[]} */
export const scaleContests = [
  {
    name: 'scale-sockets',
    title: 'UDP, datagrams of 1400 B, from sockets that take turns',
    protocol: 'udp',
    path: 'sink',
    programs: [
      ...crowds([...SMALL, '--zero-copy', 'never'], 'inlined'),
      ...[1, 1000].map((count) =>
        js(named('node:dgram', count), ['dgram-crowd', ...SMALL, '--sockets', String(count)]),
      ),
      ...[1, 1000].map((count) =>
        c(named('C', count), [...SMALL, '--copy', '--sendto', '--sockets', String(count)]),
      ),
    ],
    goals: [
      asOne(1000),
      asOne(2000),
      { program: named('C', 1000), against: named('C', 1), by: 'cpu' },
      { program: named('UdpSocket', 1000), against: named('node:dgram', 1000), by: 'rate' },
    ],
  },
  {
    name: 'scale-zerocopy',
    title: 'UDP, 65000 B as GSO trains of 1400 B, from sockets that take turns',
    protocol: 'udp',
    path: 'sink',
    remark: 'C reads the error queues of the latest 16 sends; with epoll, those that epoll names.',
    programs: [
      ...crowds([...GSO, '--zero-copy', 'always'], 'zerocopied'),
      ...[1, 1000].map((count) =>
        c(named('C', count), [...GSO, '--sendto', '--sockets', String(count)], 'zerocopied'),
      ),
      c('C with epoll, 1000 sockets', [...GSO, '--sendto', '--sockets', '1000', '--epoll']),
    ],
    goals: [
      asOne(1000),
      asOne(2000),
      { program: named('C', 1000), against: named('C', 1), by: 'cpu' },
      { program: 'C with epoll, 1000 sockets', against: named('C', 1), by: 'cpu' },
    ],
  },
  {
    name: 'scale-pool',
    title: 'UDP, 4096 B as GSO trains of 1400 B, zero copy, from pools of so many buffers',
    protocol: 'udp',
    path: 'sink',
    programs: [
      ...BUFFERS.map((count) =>
        js(`UdpSocket, ${count} buffers`, ['zerosend', ...POOLED, '--pool', String(count)]),
      ),
      ...BUFFERS.map((count) =>
        c(`C, ${count} buffers`, [...POOLED, '--sendto', '--slots', String(count)]),
      ),
    ],
    goals: [
      { program: 'UdpSocket, 65536 buffers', against: 'UdpSocket, 256 buffers', by: 'cpu' },
      { program: 'C, 65536 buffers', against: 'C, 256 buffers', by: 'cpu' },
    ],
  },
  {
    name: 'scale-short',
    title: 'TCP over loopback, connections of 77 sends of 16 KB, one after the other',
    protocol: 'tcp',
    path: 'loopback',
    remark: 'What is not copied at once asked in vain: loopback copies.',
    programs: [
      js('node:net', ['short-net', ...SHORT]),
      js("TcpSocket, 'never'", ['short', ...SHORT, '--zero-copy', 'never'], 'inlined'),
      js("TcpSocket, 'auto'", ['short', ...SHORT, '--zero-copy', 'auto']),
    ],
  },
];
