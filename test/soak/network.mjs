// @ts-check
// What the soak does to the network, to links and to limits while sockets send. All of it is inside of
// the run's own rig, or to its own child, and each change knows its way back.
import { setTimeout as sleep } from 'node:timers/promises';

/** @typedef {import('../../rig/index.mjs').Rig} Rig */
/** @typedef {(limit: number) => number} Random */

/**
 * One kind of change: `make` says what to run, and what takes it back.
 *
 * @typedef {object} Change
 * @property {string} name
 * @property {(random: Random) => { there: Step[], back: Step[] }} make
 */

/** A line of `ip`, or of `tc`, or a value for a sysctl, or a limit of the child.
 *  @typedef {{ ip: string } | { tc: string } | { sysctl: string, value: number } | { memlock: string }} Step */

const RATE = '1gbit';
const SHAPE = 'burst 128kb limit 16mb';
const OPTMEM = 131_072;

/** @param {Rig} rig @returns {Change[]} */
function changesOf(rig) {
  const { name } = rig.senderInterface;
  const { v4, v6 } = rig.receiverAddress;
  const mac = rig.receiverInterface?.mac;
  const detour = `${v4}/32`;
  /** What a link loses when it goes down. */
  const settled = [
    { ip: `address replace ${rig.senderAddress.v6}/64 dev ${name} nodad` },
    { ip: `neighbour replace ${v4} lladdr ${mac} dev ${name} nud permanent` },
    { ip: `neighbour replace ${v6} lladdr ${mac} dev ${name} nud permanent` },
  ];
  const route = (/** @type {string} */ type) => ({
    name: `route ${type}`,
    make: () => ({
      there: [{ ip: `route replace ${type} ${detour}` }],
      back: [{ ip: `route del ${type} ${detour}` }],
    }),
  });
  return [
    route('unreachable'),
    route('blackhole'),
    route('prohibit'),
    {
      // Refused late: ENETUNREACH without a route to the segment, EHOSTUNREACH with such a one.
      name: 'route through a dead segment',
      make: (random) => ({
        there: [
          { ip: `route replace ${random(2) ? 'unreachable' : 'blackhole'} fd00:dead::/32` },
          { ip: `route replace ${detour} encap seg6 mode encap segs fd00:dead::1 dev ${name}` },
        ],
        back: [{ ip: `route del ${detour}` }, { ip: 'route del fd00:dead::/32' }],
      }),
    },
    {
      name: 'MTU of the path',
      make: (random) => ({
        there: [{ ip: `route replace ${detour} dev ${name} mtu lock ${600 + random(800)}` }],
        back: [{ ip: `route del ${detour}` }],
      }),
    },
    {
      name: 'MTU of the link',
      make: (random) => ({
        there: [{ ip: `link set dev ${name} mtu ${1280 + random(220)}` }],
        back: [{ ip: `link set dev ${name} mtu 1500` }],
      }),
    },
    {
      name: 'link down',
      make: () => ({
        there: [{ ip: `link set dev ${name} down` }],
        back: [{ ip: `link set dev ${name} up` }, ...settled],
      }),
    },
    {
      name: 'link renamed',
      make: () => ({
        there: [{ ip: `link set dev ${name} name ${name}x` }],
        back: [{ ip: `link set dev ${name}x name ${name}` }],
      }),
    },
    {
      name: 'slow link',
      make: (random) => ({
        there: [
          {
            tc: `qdisc change dev ${name} root tbf rate ${1 + random(40)}mbit burst 128kb limit ${100 + random(2000)}kb`,
          },
        ],
        back: [{ tc: `qdisc change dev ${name} root tbf rate ${RATE} ${SHAPE}` }],
      }),
    },
    {
      name: 'optmem_max',
      make: (random) => ({
        there: [{ sysctl: 'net.core.optmem_max', value: 2000 + random(20_000) }],
        back: [{ sysctl: 'net.core.optmem_max', value: OPTMEM }],
      }),
    },
    {
      name: 'RLIMIT_MEMLOCK',
      make: (random) => ({
        there: [{ memlock: `${65_536 * random(8)}:` }],
        back: [{ memlock: `${8 << 20}:` }],
      }),
    },
  ];
}

/** Changes a rig while rounds run in it, the same ones each time for the same seed. */
export class Network {
  #rig;
  #pid;
  #changes;
  #stop = new AbortController();
  /** @type {Promise<void>} */
  #running = Promise.resolve();
  /** How often each was made. @type {Record<string, number>} */
  made = {};
  /** What this kernel or these programs cannot do, and why. @type {Record<string, string>} */
  unavailable = {};

  /** @param {Rig} rig @param {number | undefined} pid of the child */
  constructor(rig, pid) {
    this.#rig = rig;
    this.#pid = pid;
    this.#changes = changesOf(rig);
  }

  /** Changes things until calm(), or the end of its plan; after what ran before. */
  disturb(/** @type {Random} */ random) {
    const stop = new AbortController();
    this.#stop = stop;
    this.#running = this.#running.then(() => this.#run(random, stop.signal));
  }

  /** Stops, and waits until everything is back as it was. */
  async calm() {
    this.#stop.abort();
    await this.#running;
  }

  async #run(/** @type {Random} */ random, /** @type {AbortSignal} */ signal) {
    while (!signal.aborted) {
      await this.#pause(random(250), signal);
      const change = this.#changes[random(this.#changes.length)];
      if (change === undefined || signal.aborted) continue;
      const { there, back } = change.make(random);
      const time = 5 + random(random(4) === 0 ? 600 : 120);
      try {
        for (const step of there) await this.#take(step);
        this.made[change.name] = (this.made[change.name] ?? 0) + 1;
      } catch (error) {
        // Nothing has changed: no such feature here.
        this.unavailable[change.name] = String(/** @type {Error} */ (error).message);
        this.#changes = this.#changes.filter((other) => other !== change);
        continue;
      }
      await this.#pause(time, signal);
      for (const step of back) await this.#take(step);
    }
  }

  async #pause(/** @type {number} */ time, /** @type {AbortSignal} */ signal) {
    await sleep(time, undefined, { signal }).catch(() => {});
  }

  async #take(/** @type {Step} */ step) {
    const { sender } = this.#rig;
    if ('ip' in step) await sender.run('ip', step.ip.split(' '));
    else if ('tc' in step) await sender.run('tc', step.tc.split(' '));
    else if ('memlock' in step) {
      await sender.run('prlimit', [`--pid=${this.#pid}`, `--memlock=${step.memlock}`]);
    } else {
      const path = `/proc/sys/${step.sysctl.replaceAll('.', '/')}`;
      await sender.run('tee', [path], { input: String(step.value) });
    }
  }
}
