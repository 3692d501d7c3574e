// After a refusal that may have taken a kernel id, the kernel is asked for its count before the next send
// without a copy: by sendmsg(2), which nothing else of these tests uses.
import { expect, it } from 'vitest';
import { itInline } from '../support/submit.js';
import { byThread } from './handed-over.mjs';
import { clearFaultsAfterEach, keepInFlight, withUdpReceiver } from './peers.js';
import { Sender } from './sender.mjs';
import { ALWAYS, type Errno, faults, inject } from './zerosend.mjs';

clearFaultsAfterEach();

type Options = Parameters<typeof Sender.udp>[1];

/** Plays with a sender of which a datagram was refused: whether that took an id is not known. */
function inDoubt(
  play: (sender: Sender) => Promise<void> | void,
  { options, inFlight = 0 }: { options?: Options; inFlight?: number } = {},
) {
  return withUdpReceiver(async (receiver) => {
    const sender = await Sender.udp(receiver, options);
    if (inFlight > 0) {
      keepInFlight();
      accept(sender, inFlight);
      await receiver.until(({ unique }) => unique >= inFlight); // so their notifications are there
    }
    inject('sendto', { error: 'EPERM' });
    expect(sender.send()).toBe('EPERM');
    inject('sendmsg'); // counts from here on
    await play(sender);
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    // Neither the refused datagram nor a question is an id that a refused datagram has taken.
    expect(sender.socket.stats()).toMatchObject({ phantomIds: 0, unknownIds: 0 });
  });
}

const questions = () => faults('sendmsg').calls;

function accept(sender: Sender, sends = 1): void {
  for (let i = 0; i < sends; i++) expect(sender.send()).toBe('accepted');
}

it('is asked once: its answer ends the doubt', () =>
  inDoubt(async (sender) => {
    accept(sender, 20);
    expect(sender.sendMany([900, 901, 902])).toBe('accepted');
    expect(questions()).toBe(1);
    await sender.flushed();
    expect(sender.books.ids.how).toEqual({ copied: 23 }); // by the kernel, as over any loopback
  }));

it('is asked only where an id may have been taken: not after a refused copy', () =>
  inDoubt(
    async (sender) => {
      accept(sender);
      expect(sender.send(20_000)).toBe('accepted');
      expect(questions()).toBe(0);
      await sender.flushed();
      expect(sender.books.ids.how).toEqual({ inline: 1, copied: 1 });
    },
    { options: { zeroCopy: 'auto', zeroCopyThreshold: 10_000 } },
  ));

it('is asked ever more rarely while it does not answer: sends go by copy, and info() tells in the end', () =>
  inDoubt(
    async (sender) => {
      const { socket } = sender;
      inject('sendmsg', { error: 'EPERM', times: ALWAYS });
      accept(sender, 26);
      expect(questions()).toBe(4); // before sends 1, 2, 5, 12 and 27
      expect(socket.info().zeroCopy.reason).toBeUndefined();
      accept(sender);
      expect(questions()).toBe(5);
      expect(socket.info().zeroCopy.reason).toMatch(/could not be asked/);
      expect(sender.sendMany([900, 901, 902])).toBe('accepted');
      expect(socket.stats()).toMatchObject({ kernelIds: 1, inlineFallbacks: 30 });

      // Something that was notified shows that the kernel works: it is asked at once.
      inject('recvmsg');
      await socket.completed(0);
      inject('sendmsg');
      accept(sender, 9);
      expect(questions()).toBe(1);
      expect(socket.info().zeroCopy.reason).toBeUndefined();
      await sender.flushed();
      expect(sender.books.ids.how).toEqual({ copied: 10, inline: 30 });
    },
    { inFlight: 1 },
  ));

it.each(['EINTR', 'ECONNREFUSED'] as const)('%s in place of its answer: is asked again', (error) =>
  inDoubt(async (sender) => {
    inject('sendmsg', { error });
    accept(sender);
    expect(questions()).toBe(2);
    await sender.flushed();
    expect(sender.books.ids.how).toEqual({ copied: 1 });
  }),
);

// docs/submission-thread.md, "when completions are read": they have come back before it is asked.
itInline('ENOBUFS, and ids have come back since: is asked again', () =>
  inDoubt(
    async (sender) => {
      inject('recvmsg'); // what is in flight is read when the question was put
      inject('sendmsg', { error: 'ENOBUFS' });
      accept(sender);
      expect(questions()).toBe(2);
      await sender.flushed();
      expect(sender.books.ids.how).toEqual({ copied: 2 });
    },
    { inFlight: 1 },
  ),
);

it('EAGAIN: the send waits for room, as its copy would have to', () =>
  inDoubt(async (sender) => {
    inject('sendmsg', { error: 'EAGAIN' });
    accept(sender);
    if (!byThread) expect(sender.socket.needDrain).toBe(true); // it may have gone on already
    await sender.flushed();
    expect(sender.books.ids.how).toEqual({ copied: 1 });
  }));

// On a way through IPsec that is what too many segments are answered with.
it.each(['EINVAL', 'EIO'] satisfies Errno[])('%s is an answer', (error) =>
  inDoubt(async (sender) => {
    inject('sendmsg', { error, after: true });
    accept(sender);
    expect(questions()).toBe(1);
    await sender.flushed();
    expect(sender.books.ids.how).toEqual({ copied: 1 });
  }),
);

// A blackhole route refuses it with the same errno, before it takes an id.
it('EINVAL is none where no id comes: it is asked on and on, and believed in the end', () =>
  inDoubt(async (sender) => {
    inject('sendmsg', { error: 'EINVAL', times: ALWAYS });
    for (let i = 0; i < 5000 && questions() < 70; i++) {
      accept(sender);
      if (i % 32 === 0) await sender.flushed();
    }
    inject('sendmsg');
    for (let i = 0; i < 100 && questions() === 0; i++) accept(sender);
    expect(questions()).toBe(1);
    const { kernelIds } = sender.socket.stats();
    accept(sender, 3);
    expect(sender.socket.stats().kernelIds).toBe(kernelIds + 3);
  }));

it.each([
  { error: 'EAGAIN', softErrors: 0 }, // what sendmmsg has stopped at was want of room
  { error: 'EPERM', softErrors: 1 }, // may have been about an earlier datagram
] as const)('$error while a batch is cut short: $softErrors soft errors', ({ error, softErrors }) =>
  withUdpReceiver(async (receiver) => {
    const sender = await Sender.udp(receiver);
    inject('sendmmsg', { limit: 1 });
    inject('sendmsg', { error });
    expect(sender.sendMany([900, 901, 902])).toBe('accepted');
    await sender.flushed();
    expect(sender.socket.stats()).toMatchObject({ softErrors });
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
  }),
);
