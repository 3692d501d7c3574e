import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DiagnosticMessages } from 'zerosend';
import { event, within } from '../../support/deadline.js';
import { connectAndMeet, openTo, startPeer } from '../../support/endpoints.js';

/** What comes on a channel while the test runs. */
function listen<Name extends keyof DiagnosticMessages>(name: Name): DiagnosticMessages[Name][] {
  const messages: DiagnosticMessages[Name][] = [];
  const listener: ChannelListener = (message) => {
    messages.push(message as DiagnosticMessages[Name]);
  };
  subscribe(name, listener);
  onTestFinished(() => void unsubscribe(name, listener));
  return messages;
}

describe('channels of node:diagnostics_channel', () => {
  it('tell of sockets that open and close', async () => {
    const opened = listen('zerosend:socket:open');
    const closed = listen('zerosend:socket:close');
    const failed = listen('zerosend:socket:error');
    const peer = await startPeer({ protocol: 'tcp', family: 4 });
    const tcp = await connectAndMeet(peer);
    const udp = await openTo(await startPeer({ protocol: 'udp', family: 4 }));
    expect(opened).toEqual([
      {
        socket: tcp,
        protocol: 'tcp',
        local: tcp.info().local,
        remote: tcp.info().remote,
        interface: undefined,
      },
      {
        socket: udp,
        protocol: 'udp',
        local: udp.info().local,
        remote: udp.info().remote,
        interface: undefined,
      },
    ]);
    expect(opened[0]?.remote).toEqual({ address: '127.0.0.1', port: peer.port });
    expect(closed).toEqual([]);
    const report = await udp.close();
    expect(closed).toEqual([{ socket: udp, protocol: 'udp', report }]);
    await tcp.close();
    expect(closed).toHaveLength(2);
    expect(failed).toEqual([]);
  });

  it('tell of the error that has ended a socket, before its listeners', async () => {
    const failed = listen('zerosend:socket:error');
    const closed = listen('zerosend:socket:close');
    const peer = await startPeer({ protocol: 'tcp', family: 4 });
    const socket = await connectAndMeet(peer);
    socket.on('error', () => expect(failed).toHaveLength(1));
    socket.on('close', () => expect(closed).toEqual([]));
    const ended = event(socket, 'close');
    await peer.reset();
    await within(ended, 'the end');
    expect(failed).toMatchObject([{ socket, protocol: 'tcp', error: { code: 'ECONNRESET' } }]);
    expect(closed).toMatchObject([{ report: { error: { code: 'ECONNRESET' } } }]);
  });
});
