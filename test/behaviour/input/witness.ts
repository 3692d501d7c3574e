import { expect } from 'vitest';
import type { BufferPool, PooledBuffer, TcpSocket, UdpSocket } from 'zerosend';
import { Completions } from '../../support/completions.js';
import { type Content, DatagramContent, StreamContent } from '../../support/content.js';
import { within } from '../../support/deadline.js';
import { connectTo, expectAllFree, makePool, openTo, startPeer } from '../../support/endpoints.js';
import { expectIntact, type Receiver } from '../../support/receiver.js';
import { byThread } from '../../support/submit.js';
import { type Expected, expectError, rejectionOf, thrownBy } from './expectations.js';

/** Bytes of each piece of content. */
export const LENGTH = 777;

/**
 * A sound socket and pool, on which bad input has to leave no trace: counts stay, no id is skipped,
 * and what is sent afterwards arrives byte by byte.
 */
export class Witness<S extends TcpSocket | UdpSocket = TcpSocket | UdpSocket> {
  readonly #completions: Completions;
  #ids = 0;
  #bytes = 0;

  private constructor(
    readonly socket: S,
    readonly pool: BufferPool,
    readonly peer: Receiver,
    readonly content: Content,
  ) {
    this.#completions = new Completions(socket);
  }

  static async udp(): Promise<Witness<UdpSocket>> {
    const peer = await startPeer({ protocol: 'udp' });
    const socket = await openTo(peer, { zeroCopy: 'always' });
    return new Witness(socket, makePool(), peer, new DatagramContent());
  }

  static async tcp(): Promise<Witness<TcpSocket>> {
    const peer = await startPeer({ protocol: 'tcp' });
    const socket = await connectTo(peer, { zeroCopy: 'always' });
    return new Witness(socket, makePool(), peer, new StreamContent());
  }

  acquire(): PooledBuffer {
    const buffer = this.pool.tryAcquire();
    if (buffer === null) throw new Error('the pool is dry');
    return buffer;
  }

  /** What a refused call must not change. */
  #counts() {
    const { nextId, inFlight, needDrain, fd } = this.socket;
    const { sends, bytes, completed, failed, inlined, kernelIds } = this.socket.stats();
    const socket = {
      nextId,
      inFlight,
      needDrain,
      fd,
      // By the submission thread these go on meanwhile: docs/submission-thread.md, "stats()".
      ...(byThread ? {} : { sends, bytes, completed, inlined, kernelIds }),
      failed,
    };
    return { socket, pool: this.pool.stats() };
  }

  /** Runs what has to throw. */
  refuses(action: () => unknown, expected: Expected): void {
    const before = this.#counts();
    expectError(thrownBy(action), expected);
    expect(this.#counts()).toEqual(before);
  }

  /** Runs what has to reject. */
  async rejects(action: () => Promise<unknown>, expected: Expected): Promise<void> {
    const before = this.#counts();
    expectError(await rejectionOf(action), expected);
    expect(this.#counts()).toEqual(before);
  }

  /** The test itself has sent so many pieces of LENGTH bytes of the content. */
  sent(count: number): void {
    this.#ids += count;
    this.#bytes += count * LENGTH;
  }

  /** Sends in three ways, each with the next id, and waits for the buffers. */
  async sendsOn(): Promise<void> {
    const single = this.acquire();
    this.content.fill(single.bytes, LENGTH);
    const plain = Buffer.alloc(LENGTH);
    this.content.fill(plain);
    const pair = [this.acquire(), this.acquire()];
    for (const { bytes } of pair) this.content.fill(bytes, LENGTH);
    const { socket } = this;
    const ids = [
      socket.send(single, LENGTH),
      socket.send(plain),
      socket.sendMany(pair, LENGTH).first,
    ];
    expect(ids).toEqual([this.#ids, this.#ids + 1, this.#ids + 2]);
    this.sent(4);
    await within(socket.flush(), 'flush()');
  }

  /** All that was sent so far is with the receiver, and nothing else. */
  async hasArrived(): Promise<void> {
    const udp = this.content instanceof DatagramContent;
    await expectIntact(this.peer, udp ? { datagrams: this.#ids } : { bytes: this.#bytes });
  }

  /** Nothing was lost: to be called at the end, with no buffer held. */
  async isSound(): Promise<void> {
    await this.sendsOn();
    this.#completions.expectEachOnce(this.#ids);
    expectAllFree(this.pool);
    await this.hasArrived();
    const stats = this.socket.stats();
    expect(stats).toMatchObject({ sends: this.#ids, completed: this.#ids, failed: 0, revoked: 0 });
    expect(stats).toMatchObject({ duplicateIds: 0, unknownIds: 0, inFlight: 0 });
    const report = await within(this.socket.close(), 'close()');
    expect(report).toMatchObject({ outcome: 'drained', ids: this.#ids, unfinished: 0 });
  }
}

export const witnesses = { TCP: () => Witness.tcp(), UDP: () => Witness.udp() } as const;
