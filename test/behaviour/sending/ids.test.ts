import { describe, expect, it } from 'vitest';
import type { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { Completions } from '../../support/completions.js';
import { type Content, DatagramContent, randomFrom, StreamContent } from '../../support/content.js';
import { within } from '../../support/deadline.js';
import {
  connectTo,
  expectAllFree,
  families,
  loopback,
  makePool,
  openTo,
  overLoopback,
  startPeer,
} from '../../support/endpoints.js';
import { expectIntact } from '../../support/receiver.js';

const modes = ['auto', 'always', 'never'] as const;

/** Sends in every way there is, each with the next piece of the content; returns the ids. */
class EveryWay<S extends TcpSocket | UdpSocket> {
  readonly ids: number[] = [];
  bytes = 0;

  constructor(
    readonly socket: S,
    readonly pool: BufferPool,
    readonly content: Content,
    /** Sends a pooled or plain buffer. */
    readonly one: (bytes: Parameters<S['send']>[0], length?: number) => number,
  ) {}

  async pooled(length: number): Promise<void> {
    const buffer = await this.pool.acquire();
    this.content.fill(buffer.bytes, length);
    this.#sent(this.one(buffer, length), length);
  }

  buffer(length: number): void {
    const bytes = Buffer.alloc(length);
    this.content.fill(bytes);
    this.#sent(this.one(bytes, length), length);
  }

  /** A view at an odd place of a bigger array, of which the first bytes go out. */
  subarray(length: number): void {
    const bytes = new Uint8Array(length + 100).fill(0xee).subarray(7, length + 50);
    this.content.fill(bytes, length);
    this.#sent(this.one(bytes, length), length);
  }

  async many(lengths: readonly number[], asOne: boolean): Promise<void> {
    const buffers = [];
    for (const length of lengths) {
      const buffer = await this.pool.acquire();
      this.content.fill(buffer.bytes, asOne ? lengths[0] : length);
      buffers.push(buffer);
    }
    const length = asOne ? (lengths[0] as number) : Uint32Array.from(lengths);
    const { first, last } = this.socket.sendMany(buffers, length);
    expect(last - first + 1).toBe(lengths.length);
    for (const [i, each] of lengths.entries()) {
      this.#sent(first + i, asOne ? (lengths[0] as number) : each);
    }
  }

  #sent(id: number, length: number): void {
    this.ids.push(id);
    this.bytes += length;
  }

  /** One round of all ways, with sizes on both sides of the threshold. */
  async round(random: (min: number, max: number) => number, smallest: number): Promise<void> {
    const small = () => random(smallest, 1400);
    const large = () => random(10_240, 60_000);
    await this.pooled(smallest);
    await this.pooled(large());
    this.buffer(small());
    this.buffer(large());
    this.subarray(large());
    this.subarray(small());
    await this.many([large(), small(), smallest, large(), large()], false);
    await this.many([small(), 0, 0], true);
    await this.pooled(10_239);
    await this.pooled(10_240);
    await this.pooled(this.pool.bufferSize - 100);
    expect(this.socket.nextId).toBe(this.ids.length);
  }

  /** Everything has been sent: ids were consecutive, and all complete once. */
  async expectIds(completions: Completions): Promise<void> {
    expect(this.ids).toEqual(this.ids.map((_, i) => i));
    await within(this.socket.flush(), 'flush()');
    completions.expectEachOnce(this.ids.length);
    expect(this.socket.inFlight).toBe(0);
    expectAllFree(this.pool);
    expect(this.socket.stats()).toMatchObject({
      sends: this.ids.length,
      bytes: this.bytes,
      completed: this.ids.length,
      duplicateIds: 0,
      unknownIds: 0,
    });
  }
}

for (const family of families) {
  describe(`ids over IPv${family}`, overLoopback(family), () => {
    it.each(modes)('TCP, zeroCopy %s: consecutive, each completes once', async (zeroCopy) => {
      const peer = await startPeer({ protocol: 'tcp', family });
      const pool = makePool();
      const socket = await connectTo(peer, { zeroCopy });
      const completions = new Completions(socket);
      const every = new EveryWay(socket, pool, new StreamContent(), socket.send.bind(socket));
      const random = randomFrom(family);
      for (let i = 0; i < 20; i++) await every.round(random, 1);
      await every.expectIds(completions);
      await expectIntact(peer, { bytes: every.bytes });
      const tally = completions.how;
      if (zeroCopy === 'never') expect(tally).toEqual({ inline: every.ids.length });
      if (zeroCopy === 'always') expect(tally).toEqual({ copied: every.ids.length });
      if (zeroCopy === 'auto') expect(Object.keys(tally).sort()).toEqual(['copied', 'inline']);
    });

    it.each(modes)('UDP, zeroCopy %s: consecutive, each completes once', async (zeroCopy) => {
      const peer = await startPeer({ protocol: 'udp', family });
      const pool = makePool();
      const socket = await openTo(peer, { zeroCopy });
      const completions = new Completions(socket);
      const content = new DatagramContent();
      const to = { address: loopback(family), port: peer.port };
      let turns = 0;
      const every = new EveryWay(socket, pool, content, (bytes, length) =>
        ++turns % 2 === 0
          ? socket.sendTo(bytes, length as number, to)
          : socket.send(bytes, length as number),
      );
      const random = randomFrom(family);
      for (let i = 0; i < 20; i++) {
        await every.round(random, 16);
        await peer.until(({ datagrams }) => datagrams === content.position); // its buffer is finite
      }
      await every.expectIds(completions);
      await expectIntact(peer, { bytes: every.bytes, datagrams: content.position });
      expect(completions.how).toHaveProperty(zeroCopy === 'never' ? 'inline' : 'copied');
      expect(Object.keys(completions.how)).toHaveLength(zeroCopy === 'auto' ? 2 : 1);
    });

    it('sendTo without a peer: one counter for all destinations', async () => {
      const peers = [
        await startPeer({ protocol: 'udp', family, seed: 7 }),
        await startPeer({ protocol: 'udp', family, seed: 8 }),
      ];
      const pool = makePool();
      const socket = await openTo(peers[0]!, { family, remote: undefined! });
      const completions = new Completions(socket);
      const contents = [new DatagramContent(7), new DatagramContent(8)];
      for (let i = 0; i < 200; i++) {
        const which = (i >> 1) & 1; // twice here, twice there
        const length = i % 3 === 0 ? 100 : 12_000;
        const buffer = await pool.acquire();
        contents[which]!.fill(buffer.bytes, length);
        const to = { address: loopback(family), port: peers[which]!.port };
        expect(socket.sendTo(buffer, length, to)).toBe(i);
      }
      await within(socket.flush(), 'flush()');
      completions.expectEachOnce(200);
      for (const peer of peers) await expectIntact(peer, { datagrams: 100 });
    });
  });
}
