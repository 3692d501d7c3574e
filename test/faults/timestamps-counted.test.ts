import { expect, it } from 'vitest';
import { clearFaultsAfterEach, eventually, withUdpReceiver } from './peers.js';
import { Sender } from './sender.mjs';
import { keysCountedBy } from './stamps.js';
import { clearFaults, faults, inject } from './zerosend.mjs';

clearFaultsAfterEach();
keysCountedBy('kernel');

it('a question for the count of kernel ids uses up a key', () =>
  withUdpReceiver(async (receiver) => {
    inject('sendmsg', { error: 'EINVAL' }); // where this is the first socket with timestamps
    const sender = await Sender.udp(receiver, { timestamps: 'software' });
    clearFaults();
    const stamped: number[] = [];
    sender.socket.on('timestamp', ({ id, stage }) => void (stage === 'sent' && stamped.push(id)));
    inject('sendto', { error: 'EPERM' });
    expect(sender.send()).toBe('EPERM');
    inject('sendmsg', { error: 'EPERM' }); // so the next goes by copy, and keys are counted anew with it
    for (let i = 0; i < 5; i++) {
      expect(sender.send()).toBe('accepted');
      await sender.flushed();
    }
    expect(faults('sendmsg')).toEqual({ calls: 2, struck: 1 });
    await eventually(() => stamped.at(-1)).toBe(sender.socket.nextId - 1);
    expect(sender.socket.stats().unknownStamps).toBe(0);
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
  }));
