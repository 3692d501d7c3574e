// @ts-check
// The three ways of the patch, by three kinds of sockets. docs/performance.md says how
// each differs from the patch.
import { frameArgs, loopbackFrame } from '../frames.mjs';
import { c, js } from '../program.mjs';

/** @typedef {import('../run-contest.mjs').Program} Program */
/** @typedef {import('./published.mjs').Way} Way */
/** @typedef {'packet' | 'ring' | 'udp'} Mechanism */

/** @type {Readonly<Record<Mechanism, string>>} */
export const MECHANISMS = {
  packet: 'C, packet socket, which always copies',
  ring: 'PacketSocket',
  udp: 'UdpSocket',
};

const BUFFERS = ['--frames', '16'];
const RING = ['--frame', 'loopback', '--frames', '256'];

/**
 * @param {{ size: number, address: string, port: number }} to
 * @returns {{ mechanism: Mechanism, way: Way, program: Program }[]}
 */
export function programsTo({ size, address, port }) {
  const length = ['--size', String(size)];
  const to = ['--address', address, '--port', String(port)];
  const lo = ['--interface', 'lo', '--protocol', 'packet'];
  const plain = [...frameArgs(loopbackFrame({ size, address, port })), ...lo, ...BUFFERS, '--copy'];
  const ring = ['ring', ...RING, ...lo, ...to, ...length];
  const udp = ['zerosend', '--protocol', 'udp', ...to, ...length];
  return [
    { mechanism: 'packet', way: 'copying', program: c('packet', plain, 'inlined') },
    { mechanism: 'packet', way: 'each', program: c('each', [...plain, '--notify', '1']) },
    { mechanism: 'packet', way: 'batches', program: c('batches', [...plain, '--notify', '16']) },
    { mechanism: 'ring', way: 'copying', program: js('plain', [...ring, '--plain'], 'inlined') },
    { mechanism: 'ring', way: 'each', program: js('ring, each', [...ring, '--poll']) },
    { mechanism: 'ring', way: 'batches', program: js('ring, batches', ring) },
    { mechanism: 'udp', way: 'copying', program: js('never', [...udp, '--zero-copy', 'never']) },
    { mechanism: 'udp', way: 'each', program: js('always, each', [...udp, '--poll']) },
    { mechanism: 'udp', way: 'batches', program: js('always, batches', udp) },
  ];
}
