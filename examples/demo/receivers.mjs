// @ts-check
// Starts a receiver in a process of its own, and talks to it.
import { fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { end, keep } from './children.mjs';

const PROGRAM = fileURLToPath(new URL('receiver-process.mjs', import.meta.url));

/**
 * @typedef {object} ReceiverReport
 * @property {number} bytes
 * @property {number} wrongBytes
 * @property {number} [datagrams]
 * @property {number} [lost]
 * @property {number} [duplicates]
 * @property {number} [reordered]
 */

/**
 * @typedef {{ type: 'listening', port: number, window: number }
 *   | { type: 'received', next: number }
 *   | { type: 'report', report: ReceiverReport }
 *   | { type: 'error', message: string }} FromReceiver
 */

export class Receiver {
  #child;
  #stopping = false;
  /** @type {Promise<ReceiverReport>} */
  #report;
  port = 0;
  /** Datagrams that it has room for. */
  window = 0;
  /** UDP: called with the sequence number that it expects next. @type {(next: number) => void} */
  onReceived = () => {};

  /**
   * @param {import('node:child_process').ChildProcess} child
   * @param {(error: Error) => void} onFailure called when it ends unasked, or reports an error
   * @param {() => void} onListening
   */
  constructor(child, onFailure, onListening) {
    this.#child = child;
    this.#report = new Promise((resolve, reject) => {
      const fail = (/** @type {string} */ message) => {
        const error = new Error(message);
        reject(error);
        onFailure(error);
      };
      child.on('message', (/** @type {FromReceiver} */ message) => {
        if (message.type === 'received') this.onReceived(message.next);
        else if (message.type === 'report') resolve(message.report);
        else if (message.type === 'error') fail(message.message);
        else {
          this.port = message.port;
          this.window = message.window;
          onListening();
        }
      });
      child.on('error', (error) => fail(`receiver: ${error.message}`));
      child.on('exit', (code, signal) => {
        if (!this.#stopping) fail(`the receiver has ended by itself (${signal ?? `code ${code}`})`);
      });
    });
    this.#report.catch(() => {}); // onFailure has been told
  }

  /**
   * Resolves when it listens.
   * @param {{ protocol: 'udp' | 'tcp', seed: number, segment?: number, train?: number }} options
   * @param {(error: Error) => void} onFailure called when it ends unasked, or reports an error
   * @returns {Promise<Receiver>}
   */
  static async start(options, onFailure) {
    const { promise, resolve, reject } = settlement();
    const child = keep(fork(PROGRAM, [JSON.stringify(options)], { execArgv: [] }));
    const receiver = new Receiver(
      child,
      (error) => {
        reject(error);
        onFailure(error);
      },
      resolve,
    );
    await promise;
    return receiver;
  }

  /**
   * Everything has been sent: what has come?
   * @param {{ datagrams: number }} sent
   */
  async finish(sent) {
    if (this.#child.connected) this.#child.send(sent);
    return this.#report;
  }

  /**
   * What it has failed of, or null when nothing is known of that within `ms`.
   * @param {number} ms
   * @returns {Promise<Error | null>}
   */
  failure(ms) {
    return Promise.race([
      this.#report.then(
        () => null,
        (error) => error,
      ),
      sleep(ms, null, { ref: false }),
    ]);
  }

  /** Ends it, whatever it does. */
  async stop() {
    this.#stopping = true;
    await end(this.#child);
  }
}

function settlement() {
  let resolve = () => {};
  /** @type {(error: Error) => void} */
  let reject = () => {};
  /** @type {Promise<void>} */
  const promise = new Promise((accept, refuse) => {
    resolve = accept;
    reject = refuse;
  });
  return { promise, resolve, reject };
}
