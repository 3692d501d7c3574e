// @ts-check
import { IdChecker } from '../../rig/ids.mjs';

/** @typedef {import('zerosend').CompletionRange['how']} How */

/** Counts what one run did, and checks that every accepted send completes exactly once. */
export class Tally {
  sends = 0;
  bytes = 0;
  /** Sends that the kernel copied in the call, with no id to wait for. */
  inlined = 0;
  ids = new IdChecker();
  /** Seconds from sends to their completions, of programs that measure these. @type {number[]} */
  waits = [];
  /** Violations that threads have counted themselves. */
  violations = 0;
  /** Counts of ids of several sockets, of which only the number is checked. */
  #counted = { zerocopy: 0, copied: 0, inline: 0, revoked: 0, failed: 0 };

  /** Begins a run on a socket. @param {import('zerosend').ZeroCopySocket} socket */
  begin(socket) {
    this.ids = new IdChecker(socket);
  }

  /** Notes that all sends of the run have been accepted. @param {number} bytes of one send */
  sent(bytes) {
    this.sends = this.ids.sent;
    this.bytes = this.sends * bytes;
  }

  /**
   * Counts ids of one of several sockets that have completed. @param
   * {import('zerosend').CompletionRange} range
   */
  count({ first, last, how }) {
    this.#counted[how] += last - first + 1;
  }

  /** Adds the result of a run of another thread. @param {ReturnType<Tally['totals']>} totals */
  add({ sends, bytes, zerocopied, copied, inlined, violations }) {
    this.sends += sends;
    this.bytes += bytes;
    this.#counted.zerocopy += zerocopied;
    this.#counted.copied += copied;
    this.#counted.inline += inlined;
    this.violations += violations;
  }

  totals() {
    const { sends, bytes, ids } = this;
    const counted = this.#counted;
    const of = (/** @type {How} */ how) => counted[how] + (ids.how[how] ?? 0);
    const { missing, twice, unknown } = ids.result();
    const all = Object.values(counted).reduce((sum, count) => sum + count, 0);
    return {
      sends,
      bytes,
      completed: ids.completed + all + this.inlined,
      zerocopied: of('zerocopy'),
      copied: of('copied'),
      inlined: of('inline') + this.inlined,
      ranges: ids.ranges,
      waits: this.waits,
      violations: this.violations + of('revoked') + of('failed') + missing + twice + unknown,
    };
  }
}
