import dns from 'node:dns';
import { readdirSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TcpSocket } from 'zerosend';
import { StreamContent } from '../../support/content.js';
import { within } from '../../support/deadline.js';
import {
  connectTo,
  families,
  loopback,
  overLoopback,
  startPeer,
  tracked,
} from '../../support/endpoints.js';
import { Program } from '../../support/program.js';
import { expectIntact } from '../../support/receiver.js';

const descriptors = () => readdirSync('/proc/self/fd').length;

/** A port on which nobody listens: one that was just given back. */
async function closedPort(family: 4 | 6): Promise<number> {
  const peer = await startPeer({ protocol: 'tcp', family, address: loopback(family) });
  await peer.stop();
  return peer.port;
}

/** A port that never answers: its queue of connections is full and nobody accepts them. */
async function silentPort(): Promise<number> {
  const program = new Program(new URL('./programs/silent-port.mjs', import.meta.url), {});
  return (await program.next('full')).port;
}

/** Names that resolve to what the test says, to real addresses, in that order. */
function nameService(names: Record<string, string[]>): void {
  const original = dns.lookup;
  const fake = (host: string, ...rest: unknown[]) => {
    const addresses = names[host];
    if (addresses === undefined) return Reflect.apply(original, dns, [host, ...rest]);
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    (rest.at(-1) as (error: null, found: object[]) => void)(null, found);
  };
  dns.lookup = fake as typeof dns.lookup;
  syncBuiltinESMExports();
  onTestFinished(() => {
    dns.lookup = original;
    syncBuiltinESMExports();
  });
}

for (const family of families) {
  describe(`connect() over IPv${family}`, overLoopback(family), () => {
    it('that is refused rejects with the system error, and leaves no descriptor', async () => {
      const port = await closedPort(family);
      const host = loopback(family);
      await TcpSocket.connect({ host, port }).catch(() => {}); // makes epoll's own
      const before = descriptors();
      const error = await within(
        TcpSocket.connect({ host, port }).catch((e) => e),
        'refusal',
      );
      expect(error).toBeInstanceOf(Error);
      expect(error).toMatchObject({
        code: 'ECONNREFUSED',
        errno: -111,
        syscall: 'connect',
        address: host,
        port,
      });
      expect(descriptors()).toBe(before);
    });
  });
}

describe('connect() to a port that never answers', () => {
  it('ends with the reason of its signal, and leaves no descriptor', async () => {
    const port = await silentPort();
    // One that still finds a place in the queue is up, and is reset when the program ends.
    await TcpSocket.connect({ host: '127.0.0.1', port, signal: AbortSignal.timeout(1) }).then(
      (socket) => socket.abort(),
      () => {},
    );
    const before = descriptors();
    const timeout = AbortSignal.timeout(100);
    const timedOut = TcpSocket.connect({ host: '127.0.0.1', port, signal: timeout });
    await expect(within(timedOut, 'the timeout')).rejects.toMatchObject({ name: 'TimeoutError' });

    const controller = new AbortController();
    const reason = new Error('enough');
    const aborted = TcpSocket.connect({ host: '127.0.0.1', port, signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(within(aborted, 'the abort')).rejects.toBe(reason);
    expect(descriptors()).toBe(before);
  });

  it('is not even tried when the signal was aborted before', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const reason = new Error('enough');
    const { port } = peer;
    const signal = AbortSignal.abort(reason);
    const aborted = TcpSocket.connect({ host: '127.0.0.1', port, signal });
    await expect(aborted).rejects.toBe(reason);
    expect((await peer.stop()).accepted).toBe(0);
  });

  it('a signal that is aborted after the connection is up changes nothing', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const controller = new AbortController();
    const socket = await connectTo(peer, { signal: controller.signal });
    controller.abort();
    const content = new StreamContent();
    const bytes = Buffer.alloc(1000);
    content.fill(bytes);
    socket.send(bytes);
    await expectIntact(peer, { bytes: 1000 });
  });
});

describe('a host with several addresses', overLoopback(6), () => {
  it('is tried in order until one answers', async () => {
    const peer = await startPeer({ protocol: 'tcp', family: 4, address: '127.0.0.1' });
    nameService({ 'twice.test': ['::1', '127.0.0.1'] });
    const connected = TcpSocket.connect({ host: 'twice.test', port: peer.port });
    const socket = tracked(await within(connected, 'connect()'));
    expect(socket.info().remote).toEqual({ address: '127.0.0.1', port: peer.port });
    const bytes = Buffer.alloc(1000);
    new StreamContent().fill(bytes);
    expect(socket.send(bytes)).toBe(0);
    await expectIntact(peer, { bytes: 1000 });
  });

  it('rejects with the error of the last one when none answers', async () => {
    const port = await closedPort(4);
    nameService({ 'twice.test': ['::1', '127.0.0.2', '127.0.0.1'] });
    const refused = TcpSocket.connect({ host: 'twice.test', port });
    await expect(within(refused, 'refusal')).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      address: '127.0.0.1',
    });
  });

  it('stops trying when it is aborted', async () => {
    const port = await silentPort();
    nameService({ 'twice.test': ['::1', '127.0.0.1', '127.0.0.1'] });
    const signal = AbortSignal.timeout(100);
    const aborted = TcpSocket.connect({ host: 'twice.test', port, signal });
    await expect(within(aborted, 'the abort')).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('localhost, as the system resolves it', async () => {
    const peer = await startPeer({ protocol: 'tcp', family: 4, address: '127.0.0.1' });
    const connected = TcpSocket.connect({ host: 'localhost', port: peer.port });
    const socket = tracked(await within(connected, 'connect()'));
    expect(socket.info().remote?.address).toBe('127.0.0.1');
  });
});
