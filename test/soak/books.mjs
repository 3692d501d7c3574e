// @ts-check

/** What one socket owes: every id that it gave out completes exactly once. */
export class Books {
  #seen = new Uint8Array(1024);
  completed = 0;
  stamps = 0;

  constructor(/** @type {import('zerosend').ZeroCopySocket} */ socket) {
    this.socket = socket;
    socket.on('complete', ({ first, last }) => {
      for (let id = first; id <= last; id++) this.#mark(id);
    });
    socket.on('timestamp', ({ id }) => {
      if (!(id < socket.nextId))
        throw new Error(`id ${id} has a timestamp, next is ${socket.nextId}`);
      this.stamps++;
    });
  }

  #mark(/** @type {number} */ id) {
    if (id >= this.#seen.length) {
      const larger = new Uint8Array(Math.max(this.#seen.length * 2, id + 1));
      larger.set(this.#seen);
      this.#seen = larger;
    }
    if (this.#seen[id] !== 0) throw new Error(`id ${id} completed twice`);
    this.#seen[id] = 1;
    this.completed++;
  }

  /** After the socket has closed. */
  balance(/** @type {import('zerosend').CloseReport} */ report) {
    const { nextId } = this.socket;
    if (report.ids !== nextId) throw new Error(`report says ${report.ids} ids, not ${nextId}`);
    for (let id = 0; id < nextId; id++) {
      if (this.#seen[id] !== 1) throw new Error(`id ${id} of ${nextId} never completed`);
    }
    if (this.completed !== nextId) throw new Error(`${this.completed} of ${nextId} completed`);
    const { completed, unknownIds, duplicateIds, revoked } = this.socket.stats();
    if (completed !== nextId) throw new Error(`stats() say that ${completed} completed`);
    if (unknownIds > 0) throw new Error(`${unknownIds} ids that the kernel never gave out`);
    // After a revocation the kernel's own notifications may still come.
    if (duplicateIds > 0 && revoked === 0) throw new Error(`${duplicateIds} ids notified twice`);
  }
}
