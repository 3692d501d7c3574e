// @ts-check
// With ZEROSEND_TEST_SUBMIT=thread: a send has been handed over when it returns, as inline it has.
import './zerosend.mjs'; // decides which addon the library loads

export const byThread = process.env.ZEROSEND_TEST_SUBMIT === 'thread';

const { reactor } = await import('../../dist/addon/reactor.js');

/** Of a thread that has no processor. */
const PATIENCE = 5000; // ms

/**
 * Waits, without a turn of the event loop, until the submission thread has taken what is published, and
 * takes in what it has told of that.
 * @param {import('zerosend').ZeroCopySocket} socket
 */
export function handedOver(socket) {
  const end = performance.now() + PATIENCE;
  while ((socket.stats().submit?.depth ?? 0) > 0) {
    if (performance.now() > end) throw new Error('what is published is not handed over');
  }
  socket.stats(); // waits for the lock of the socket, under which it was told of
  reactor.reclaim();
  reactor.look();
}
