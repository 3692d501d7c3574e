import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type CodedError, UdpSocket, XdpSocket } from 'zerosend';
import { until, within } from '../../support/deadline.js';
import { tracked } from '../../support/endpoints.js';
import { addPair, countsOf, ip, newName, ownLinks } from '../../support/links.js';
import { itInline } from '../../support/submit.js';

const LENGTH = 1000;
const NEIGHBOUR = 'fe80::99';

/** Addresses of an interface, for packets to a neighbour that nobody is. */
function settle(name: string): string {
  ip(`addr replace fe80::1:1/64 dev ${name} nodad`);
  ip(`-6 neigh replace ${NEIGHBOUR} lladdr 02:00:00:00:00:99 dev ${name}`);
  return name;
}

const make = (name?: string) => settle(addPair({ ...(name && { name }), ipv6: true }).name);

/** Whether the interface has sent one of our datagrams: all others are far shorter. */
function watch(name: string): () => boolean {
  const before = countsOf(name).tx.bytes;
  return () => countsOf(name).tx.bytes - before >= LENGTH;
}

const sendTo = (socket: UdpSocket, name: string) =>
  socket.sendTo(new Uint8Array(LENGTH), LENGTH, { address: `${NEIGHBOUR}%${name}`, port: 9 });

describe('a zone', ownLinks(), () => {
  it('is that of an interface that was made again under its name', async () => {
    const name = make();
    const socket = await UdpSocket.open({ family: 6 });
    for (const id of [0, 1]) expect(sendTo(socket, name)).toBe(id);
    ip(`link del ${name}`);
    const code = 'ERR_ZEROSEND_INVALID_ADDRESS';
    expect(() => sendTo(socket, name)).toThrow(expect.objectContaining({ code }));
    make(name);
    const hasSent = watch(name);
    expect(sendTo(socket, name)).toBe(2);
    await socket.flush();
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 3, unfinished: 0 });
    expect(hasSent()).toBe(true);
  });

  // The old one is still there, under another name: nothing but the content of the packet's way
  // would tell.
  it('is that of the interface which has the name now, not of the one that had it', async () => {
    const name = make();
    const old = newName();
    const socket = await UdpSocket.open({ family: 6 });
    for (const id of [0, 1]) expect(sendTo(socket, name)).toBe(id);
    await socket.flush();
    ip(`link set ${name} down`);
    ip(`link set ${name} name ${old}`);
    ip(`link set ${old} up`);
    settle(old);
    make(name);
    const [hasSent, hasStrayed] = [watch(name), watch(old)];
    expect(sendTo(socket, name)).toBe(2);
    await socket.flush();
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 3, unfinished: 0 });
    expect([hasSent(), hasStrayed()]).toEqual([true, false]);
  });

  // What the kernel itself has bound to an interface stays with that one, and says so.
  // The kernel's refusals fail the id: docs/submission-thread.md, "what the kernel refuses".
  itInline('that a socket is connected through ends with its interface', async () => {
    const name = make();
    const remote = { address: `${NEIGHBOUR}%${name}`, port: 9 };
    const socket = tracked(await UdpSocket.open({ remote }));
    socket.send(new Uint8Array(LENGTH));
    await socket.flush();
    ip(`link del ${name}`);
    make(name);
    const code = expect.stringMatching(/^(ENETUNREACH|ENODEV)$/);
    const send = () => socket.send(new Uint8Array(LENGTH));
    expect(send).toThrow(expect.objectContaining({ code }));
    const now = socket.info().remote?.address;
    expect(now).toMatch(/^fe80::99%\d+$/); // not the name, which another interface has
    expect(now).not.toContain(name);
  });
});

describe('a queue in use', ownLinks(), () => {
  // Opening waits for the queue; meanwhile the wall clock is stepped, for which Date.now stands.
  it('is waited for by a clock that nobody steps', async () => {
    const { name } = addPair();
    const options = { interface: name, frames: 16 };
    const holder = await XdpSocket.open(options);
    const now = vi.spyOn(Date, 'now');
    onTestFinished(() => now.mockRestore());
    for (const step of [-3_600_000, 3_600_000]) {
      const start = performance.now();
      const opening = XdpSocket.open(options).catch((error: CodedError) => error.code);
      const stepped = Date.now() + step;
      now.mockImplementation(() => stepped);
      expect(await within(opening, 'the end of waiting', 12_000)).toBe('EBUSY');
      expect(performance.now() - start).toBeGreaterThan(900);
      now.mockReset();
    }
    await holder.close();
  });
});

describe('an IPv4 address', ownLinks(), () => {
  it('written as an IPv6 one has the headers of IPv4', async () => {
    ip('link set lo mtu 1500');
    onTestFinished(() => void ip('link set lo mtu 65536'));
    const receiver = createSocket('udp4').bind(0, '127.0.0.1');
    onTestFinished(() => void receiver.close());
    await once(receiver, 'listening');
    const { port } = receiver.address();
    const lengths: number[] = [];
    receiver.on('message', (bytes) => lengths.push(bytes.length));
    const sizes = [1452, 1453, 1472];
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '0:0:0:0:0:FFFF:7f00:1', '::1']) {
      const most = address === '::1' ? 1452 : 1472;
      for (const segmentSize of [...sizes, 1473]) {
        const opening = UdpSocket.open({ remote: { address, port }, segmentSize });
        if (segmentSize > most) {
          const limit = `options.segmentSize must be at most ${most} on this path (MTU 1500)`;
          await expect(opening).rejects.toThrow(`${limit}; received ${segmentSize}`);
          continue;
        }
        const socket = await opening;
        if (address !== '::1') socket.send(new Uint8Array(3 * segmentSize));
        await socket.close();
      }
    }
    const socket = await UdpSocket.open({ family: 6, segmentSize: 1472 });
    socket.sendTo(new Uint8Array(4 * 1472), 4 * 1472, { address: '::ffff:127.0.0.1', port });
    await socket.close();
    const mapped = await UdpSocket.open({ remote: { address: '::ffff:127.0.0.1', port } });
    expect(mapped.info()).toMatchObject({ maxSendLength: 65_507, mtu: 1500 });
    await mapped.close();
    await until(() => lengths.length >= 31, 'all datagrams');
    const each = sizes.flatMap((size) => [size, size, size]);
    expect(lengths).toEqual([...each, ...each, ...each, 1472, 1472, 1472, 1472]);
  });
});
