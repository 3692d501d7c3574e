// @ts-check
import { SeenSet } from '../../rig/seen-set.mjs';
import { SHORTEST_DATAGRAM } from './options.mjs';

/** Checks datagrams: content, and which of the sequence have come, in what order, how often. */
export class SequenceChecker {
  /** @type {import('../../rig/repeated-pattern.mjs').RepeatedPattern} */
  #pattern;
  #seen = new SeenSet();
  datagrams = 0;
  bytes = 0;
  wrongBytes = 0;
  duplicates = 0;
  reordered = 0;
  /** The sequence number after the greatest that has come. */
  next = 0;

  /** @param {import('../../rig/repeated-pattern.mjs').RepeatedPattern} pattern */
  constructor(pattern) {
    this.#pattern = pattern;
  }

  /** @param {Buffer} datagram */
  receive(datagram) {
    this.datagrams++;
    this.bytes += datagram.length;
    const wrong =
      datagram.length < SHORTEST_DATAGRAM
        ? datagram.length
        : this.#pattern.wrongInDatagram(datagram);
    if (wrong > 0) {
      this.wrongBytes += wrong; // and its sequence number proves nothing
      return;
    }
    const sequence = this.#pattern.sequenceOf(datagram);
    if (!this.#seen.add(sequence)) this.duplicates++;
    else if (sequence < this.next) this.reordered++;
    else this.next = sequence + 1;
  }

  /** @param {number} sent */
  lostOf(sent) {
    return sent - this.#seen.size;
  }
}
