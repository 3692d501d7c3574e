import { expect } from 'vitest';
import type { UdpSocket as Udp, UdpOptions } from 'zerosend';
import {
  createRig,
  fillDatagram,
  fillTrain,
  type RigOptions,
  startReceiver,
} from '../../rig/index.mjs';
import { Books } from './books.mjs';
import { within } from './sender.mjs';
import { BufferPool, UdpSocket } from './zerosend.mjs';

const SEED = 77;
export const SEGMENT = 1400;
const TRAIN = 10 * SEGMENT;

interface Address {
  address: string;
  port: number;
}

/**
 * Sends datagrams whose content a receiver checks. Each buffer is filled anew as soon as it comes back,
 * so an id that completes too early corrupts what is on its way.
 */
export class Pump {
  /** Datagrams whose content was made, and which were taken. */
  sequence = 0;
  readonly socket: Udp;
  readonly pool;
  readonly books;

  private constructor(socket: Udp, count: number) {
    this.socket = socket;
    this.pool = new BufferPool({ bufferSize: 65_536, count, hugePages: 'none' });
    this.books = new Books(socket);
  }

  static async open(buffers: number, options: UdpOptions): Promise<Pump> {
    return new Pump(await UdpSocket.open({ zeroCopy: 'always', ...options }), buffers);
  }

  async #buffer() {
    return this.pool.tryAcquire() ?? (await within(this.pool.acquire(), 'a buffer'));
  }

  async #datagram(length: number) {
    const buffer = await this.#buffer();
    fillDatagram(buffer.bytes, this.sequence++, SEED, length);
    return buffer;
  }

  /** A datagram that is taken. */
  async send(length: number, to?: Address): Promise<void> {
    this.books.send(await this.#datagram(length), length, to);
  }

  /** A datagram that may be refused: the code, or 'accepted'. */
  async trySend(length: number, to: Address): Promise<string> {
    const buffer = await this.#datagram(length);
    const { refused } = this.books;
    const code = this.books.trySend(buffer, length, to);
    if (code === 'accepted') return code;
    if (this.books.refused === refused) buffer.release(); // else it is back
    this.sequence--;
    return code;
  }

  async sendMany(lengths: number[], beforehand: () => void = () => {}): Promise<void> {
    const buffers = [];
    for (const length of lengths) buffers.push(await this.#datagram(length));
    beforehand();
    this.books.sendMany(buffers, lengths);
  }

  /** A GSO train; where it is refused, the code. */
  async train(to: Address): Promise<string> {
    const buffer = await this.#buffer();
    const datagrams = fillTrain(buffer.bytes, TRAIN, SEGMENT, this.sequence, SEED);
    const { refused } = this.books;
    const code = this.books.trySend(buffer, TRAIN, to);
    if (code === 'accepted') this.sequence += datagrams;
    else if (this.books.refused === refused) buffer.release(); // else it is back
    return code;
  }
}

export interface Way {
  peer: Address;
  /** The interface on it. */
  device: string;
}

/** Pumps to a receiver, and asserts what holds always: the books balance, and what arrives is right. */
export async function play(
  family: 4 | 6,
  options: RigOptions,
  scenario: (way: Way) => Promise<Pump>,
  lost = 0,
) {
  await using rig = await createRig('veth', { here: true, ...options });
  const { receiver: namespace } = rig;
  const what = { protocol: 'udp', family, seed: 'any', namespace } as const;
  await using receiver = await startReceiver(what);
  const address = family === 4 ? rig.receiverAddress.v4 : rig.receiverAddress.v6;
  const peer = { address, port: receiver.port };
  const pump = await scenario({ peer, device: rig.senderInterface.name });
  const { socket, books, pool, sequence } = pump;
  await within(socket.flush(), 'flush');
  const { phantomIds, noBuffers } = socket.stats();
  const { reason } = socket.info().zeroCopy;
  const report = books.withoutRefused(await within(socket.close(), 'close'));
  expect(books.audit([pool])).toEqual([]);
  const unique = sequence - lost;
  const arrived = await receiver.until((now) => now.wrongBytes > 0 || now.unique >= unique);
  expect(arrived).toMatchObject({ unique, wrongBytes: 0, corrupt: 0 });
  const { duplicates } = arrived;
  return { report, how: books.ids.how, phantomIds, noBuffers, reason, duplicates };
}
