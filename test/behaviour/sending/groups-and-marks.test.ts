// Options that decide which way packets take.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UdpSocket } from 'zerosend';
import { within } from '../../support/deadline.js';
import { type Family, families, tracked } from '../../support/endpoints.js';
import { addPair, countsOf, ip, ownLinks } from '../../support/links.js';
import { itInline } from '../../support/submit.js';
import { thrownBy } from '../input/expectations.js';

const LENGTH = 1000;

/** An interface with an address, by which packets can leave. */
function makeWay(family: Family, subnet: number) {
  const { name } = addPair({ ipv6: family === 6 });
  const address = family === 4 ? `198.18.${subnet}.1` : `2001:2:${subnet}::1`;
  ip(`addr add ${address}/${family === 4 ? 24 : 64} dev ${name}${family === 6 ? ' nodad' : ''}`);
  return { name, address };
}

describe.each(families)('multicast over IPv%i', ownLinks(), (family) => {
  it('leaves by the interface that was named, and comes back where that is wanted', async () => {
    const group = family === 4 ? '239.198.18.1' : 'ff05::5:1';
    const [own, other] = [makeWay(family, 5), makeWay(family, 6)];
    const receiver = createSocket({ type: `udp${family}` });
    onTestFinished(() => void receiver.close());
    receiver.bind(0);
    await once(receiver, 'listening');
    receiver.addMembership(group, family === 4 ? own.address : `${own.address}%${own.name}`);
    const heard: string[] = [];
    receiver.on('message', (text) => heard.push(text.subarray(0, 1).toString()));
    const { port } = receiver.address();
    const left = (name: string) => Math.floor(countsOf(name).tx.bytes / LENGTH);
    const socket = tracked(await UdpSocket.open({ family, multicastInterface: own.name }));
    const send = (text: string, address = group) =>
      socket.sendTo(Buffer.alloc(LENGTH, text), LENGTH, { address, port });
    send('a');
    expect([left(own.name), left(other.name)]).toEqual([1, 0]);
    socket.setOption('multicastLoop', false);
    send('b');
    expect([left(own.name), left(other.name)]).toEqual([2, 0]);
    socket.setOption('multicastLoop', true).setOption('multicastInterface', other.name);
    send('c');
    expect([left(own.name), left(other.name)]).toEqual([2, 1]);
    socket.setOption('multicastInterface', own.name).setOption('multicastTtl', 0);
    send('d'); // to this host alone
    expect([left(own.name), left(other.name)]).toEqual([2, 1]);
    expect(socket.info().settings).toMatchObject({ multicastTtl: 0, multicastLoop: true });
    // Of IPv4 the kernel does not tell.
    expect(socket.info().settings?.multicastInterface).toBe(family === 6 ? own.name : undefined);
    send('e', own.address);
    const end = async () => {
      while (!heard.includes('e')) await once(receiver, 'message');
    };
    await within(end(), 'the last datagram');
    expect(heard).toEqual(['a', 'd', 'e']);
  });
});

// The kernel's refusals fail the id: docs/submission-thread.md, "what the kernel refuses".
itInline('a mark is seen by the rules of routing', ownLinks(), async () => {
  makeWay(4, 7);
  ip('rule add fwmark 0x80000009 unreachable');
  onTestFinished(() => void ip('rule del fwmark 0x80000009'));
  const to = { address: '198.18.7.2', port: 9 };
  const socket = tracked(await UdpSocket.open({ mark: 0x8000_0009 }));
  const send = () => socket.sendTo(new Uint8Array(9), 9, to);
  expect(thrownBy(send)).toMatchObject({ code: 'ENETUNREACH' });
  expect(socket.info().settings?.mark).toBe(0x8000_0009);
  expect(socket.setOption('mark', 0).info().settings?.mark).toBe(0);
  expect(send()).toBe(0);
});
