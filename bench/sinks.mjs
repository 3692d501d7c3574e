// @ts-check
// Makes an interface for each program that sends whole frames: an AF_XDP socket needs a
// queue for itself, and the counters of the interface can be compared with the program's.
import { CorrectnessError } from './sender-process.mjs';

/** @typedef {import('../rig/index.mjs').Namespace} Namespace */

/** What the kernel itself sends on a new interface (neighbour discovery, multicast reports). */
const OWN_FRAMES = 50;

export class Sink {
  #namespace;
  name;

  /** @param {Namespace} namespace @param {number} index */
  constructor(namespace, index) {
    this.#namespace = namespace;
    this.name = `zsb${process.pid}-${index}`;
  }

  async create() {
    await this.#ip('link', 'add', this.name, 'type', 'ifb');
    await this.#ip('link', 'set', this.name, 'up');
  }

  async remove() {
    await this.#ip('link', 'delete', this.name);
  }

  /**
   * Checks that each frame has reached the driver exactly once. The driver drops frames that were
   * not redirected to it (and counts them as received and dropped) before the call that sends
   * returns.
   *
   * So the CPU time of a process, user and system by getrusage(2), is all that its frames cost,
   * however they were sent: making the packet, copying it or not, the qdisc, the driver, freeing it,
   * and for a ring the completion. Nothing is left to softirqs or to ksoftirqd: runs of two
   * seconds raised NET_TX of /proc/softirqs by one and TASKLET by none, the ring as send(2).
   * @param {string} program @param {number} sends
   */
  async check(program, sends) {
    const text = await this.#ip('-json', '-statistics', 'link', 'show', 'dev', this.name);
    const [{ stats64 }] = JSON.parse(text);
    const { packets, dropped } = stats64.rx;
    if (packets === dropped && packets >= sends && packets <= sends + OWN_FRAMES) return;
    const counted = `${this.name} has counted ${packets} frames and dropped ${dropped}`;
    throw new CorrectnessError(`${program}: ${sends} frames were sent, but ${counted}`);
  }

  async #ip(/** @type {string[]} */ ...args) {
    return (await this.#namespace.run('ip', args)).stdout;
  }
}
