// @ts-check
import { IdChecker } from '../../rig/ids.mjs';

/** What one run did. Every accepted send has to complete exactly once. */
export class Tally {
  sends = 0;
  bytes = 0;
  /** Sends that the kernel copied in the call, with no id to wait for. */
  inlined = 0;
  ids = new IdChecker();
  /** Seconds from sends to their completions, of programs that measure these. @type {number[]} */
  waits = [];

  /** The run that begins sends on this socket. @param {import('zerosend').ZeroCopySocket} socket */
  begin(socket) {
    this.ids = new IdChecker(socket);
  }

  /** All that the run sends has been accepted. @param {number} bytes of one send */
  sent(bytes) {
    this.sends = this.ids.sent;
    this.bytes = this.sends * bytes;
  }

  totals() {
    const { sends, bytes, ids } = this;
    const { zerocopy = 0, copied = 0, inline = 0, revoked = 0, failed = 0 } = ids.how;
    const { missing, twice, unknown } = ids.result();
    return {
      sends,
      bytes,
      completed: ids.completed + this.inlined,
      zerocopied: zerocopy,
      copied,
      inlined: inline + this.inlined,
      ranges: ids.ranges,
      waits: this.waits,
      violations: revoked + failed + missing + twice + unknown,
    };
  }
}
