// @ts-check
import { IdChecker } from '../../rig/ids.mjs';

/** @typedef {import('zerosend').CompletionRange['how']} How */

/** What one run did. Every accepted send has to complete exactly once. */
export class Tally {
  sends = 0;
  bytes = 0;
  /** Sends that the kernel copied in the call, with no id to wait for. */
  inlined = 0;
  ids = new IdChecker();
  /** Seconds from sends to their completions, of programs that measure these. @type {number[]} */
  waits = [];
  /** Of threads that count for themselves. */
  violations = 0;
  /** Ids of several sockets, of which nothing but their number is checked. */
  #counted = { zerocopy: 0, copied: 0, inline: 0, revoked: 0, failed: 0 };

  /** The run that begins sends on this socket. @param {import('zerosend').ZeroCopySocket} socket */
  begin(socket) {
    this.ids = new IdChecker(socket);
  }

  /** All that the run sends has been accepted. @param {number} bytes of one send */
  sent(bytes) {
    this.sends = this.ids.sent;
    this.bytes = this.sends * bytes;
  }

  /** Ids of one of several sockets have completed. @param {import('zerosend').CompletionRange} range */
  count({ first, last, how }) {
    this.#counted[how] += last - first + 1;
  }

  /** What a run of another thread has come to. @param {ReturnType<Tally['totals']>} totals */
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
