// @ts-check
// What the way out has to do with maxPacingRate. Each scenario returns what it saw.
import { execFileSync } from 'node:child_process';
import { PacketSocket, UdpSocket, XdpSocket } from 'zerosend';

/** @typedef {import('./kinds.mjs').Place} Place */

const run = (/** @type {string} */ command) => {
  const [program = '', ...args] = command.split(' ');
  execFileSync(program, args);
};

async function refusal(/** @type {() => Promise<import('zerosend').ZeroCopySocket>} */ open) {
  try {
    await (await open()).close();
    return { code: 'opened' };
  } catch (error) {
    const { code, interface: name, qdisc, syscall, message } = /** @type {any} */ (error);
    return { code, interface: name, qdisc, syscall, message };
  }
}

/** Queueing disciplines that this kernel has, and none of which keeps a rate. */
export async function refused(/** @type {string} */ _kind, /** @type {Place} */ place) {
  const remote = { address: place.address, port: 9 };
  const open = (/** @type {object} */ options = { remote }) =>
    refusal(() => UdpSocket.open({ maxPacingRate: 1_000_000, ...options }));
  const name = place.interface;
  const noqueue = await open();
  run(`tc qdisc add dev ${name} root tbf rate 1gbit burst 128kb limit 1mb`);
  const tbf = await open();
  run(`tc qdisc del dev ${name} root`);
  run(`tc qdisc add dev ${name} root handle 1: htb default 1`);
  run(`tc class add dev ${name} parent 1: classid 1:1 htb rate 1gbit`);
  const htb = await open();
  run(`tc qdisc del dev ${name} root`);
  run('ip link add zsp0 numtxqueues 2 type veth peer name zsp1');
  run('ip link set zsp0 up');
  run('ip link set zsp1 up');
  run('ip address add 198.18.9.1/24 dev zsp0');
  run('tc qdisc add dev zsp0 root handle 1: mq');
  const mq = await open({ remote: { address: '198.18.9.2', port: 9 } });
  const bound = await open({ remote, interface: 'zsp0' });
  return {
    noqueue,
    tbf,
    htb,
    mq,
    bound,
    v6: await open({ remote: { address: 'fd00:198:18::2', port: 9 } }),
    unreachable: await open({ remote: { address: '203.0.113.1', port: 9 } }),
    unconnected: await open({}),
    noInterface: await open({ remote, interface: 'zsnone0' }),
    packet: await refusal(() =>
      PacketSocket.open(/** @type {any} */ ({ interface: name, maxPacingRate: 1000 })),
    ),
    bypass: await refusal(() =>
      PacketSocket.open(
        /** @type {any} */ ({ interface: name, maxPacingRate: 1000, qdiscBypass: true }),
      ),
    ),
    xdp: await refusal(() =>
      XdpSocket.open(/** @type {any} */ ({ interface: name, maxPacingRate: 1000 })),
    ),
    undefinedIsNone: await refusal(() =>
      PacketSocket.open(/** @type {any} */ ({ interface: name, maxPacingRate: undefined })),
    ),
    without: await refusal(() => UdpSocket.open({ remote })),
  };
}
