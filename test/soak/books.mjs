// @ts-check
import { IdChecker } from '../../rig/ids.mjs';

/** What one socket owes: every id that it gave out completes exactly once. */
export class Books {
  #ids;
  stamps = 0;

  constructor(/** @type {import('zerosend').ZeroCopySocket} */ socket) {
    this.socket = socket;
    this.#ids = new IdChecker(socket);
    socket.on('complete', (range) => {
      if (!this.#ids.complete(range)) throw new Error(this.#ids.wrong.join('; '));
    });
    socket.on('timestamp', ({ id }) => {
      if (!(id < socket.nextId))
        throw new Error(`id ${id} has a timestamp, next is ${socket.nextId}`);
      this.stamps++;
    });
  }

  /** After the socket has closed. */
  balance(/** @type {import('zerosend').CloseReport} */ report) {
    const { nextId } = this.socket;
    if (report.ids !== nextId) throw new Error(`report says ${report.ids} ids, not ${nextId}`);
    const problems = this.#ids.problems();
    if (problems.length > 0) throw new Error(problems.join('; '));
    const { completed, unknownIds, duplicateIds } = this.socket.stats();
    if (completed !== nextId) throw new Error(`stats() say that ${completed} completed`);
    if (unknownIds > 0) throw new Error(`${unknownIds} ids that the kernel never gave out`);
    if (duplicateIds > 0) throw new Error(`${duplicateIds} ids notified twice`);
  }
}
