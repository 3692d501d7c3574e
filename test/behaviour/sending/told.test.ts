// What errors and failed ranges say: about whom they are, and why.
import { describe, expect, it } from 'vitest';
import { askAlone } from '../../support/alone.js';
import { canMakeNamespaces, needs } from '../../support/requirements.js';

const PROGRAM = new URL('programs/told.mjs', import.meta.url);
const run = (scenario: string) => askAlone(PROGRAM, [scenario]);

describe('an error', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  it('of sendTo names the destination', async () => {
    const { elsewhere, tooLong, connected } = await run('send to');
    expect(elsewhere).toMatchObject({ code: 'ENETUNREACH', address: '198.18.0.9', port: 7 });
    expect(elsewhere.message).toContain('198.18.0.9:7');
    for (const error of [tooLong, connected]) {
      expect(error).toMatchObject({ code: 'ERR_ZEROSEND_DATAGRAM_TOO_LONG', name: 'RangeError' });
      expect(error).toMatchObject({ address: '127.0.0.1', port: 9, syscall: 'sendto' });
      expect(error.message).toContain('127.0.0.1:9');
    }
  });

  it('of a UDP host that has no address with a way to it is that of the last', async () => {
    const { remote, local, none } = await run('next address');
    expect(remote).toEqual({ address: '127.0.0.1', port: 9 });
    expect(local).toBe('127.0.0.1');
    expect(none).toMatchObject({ code: 'ENETUNREACH', syscall: 'connect', address: '198.18.0.9' });
  });

  it('tells that a connection would be one to itself', async () => {
    const { first, again } = await run('to itself');
    for (const error of [first, again]) {
      expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', errno: -111 });
      expect(error).toMatchObject({ address: '127.0.0.1', port: 40_000 });
      expect(error.message).toContain('connected to itself');
    }
  });
});

describe('a failed range', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  it('of datagrams has the code of the kernel', async () => {
    const { told, report } = await run('failed datagrams');
    expect(told.sort()).toEqual([
      '0-0 sent',
      expect.stringMatching(/^1-1 failed E(MSGSIZE|INVAL)$/), // before Linux 6.14 EINVAL
      '2-2 sent',
      expect.stringMatching(/^3-3 failed E(MSGSIZE|INVAL)$/),
    ]);
    expect(report).toMatchObject({ outcome: 'aborted', unfinished: 2, bytesAccepted: 200 });
  });

  it('of frames says that their interface is gone', async () => {
    const { told, errors, report } = await run('failed frames');
    expect(told).toEqual(['0-3 failed ENXIO']);
    expect(errors).toEqual(['ENXIO']);
    expect(report).toMatchObject({ outcome: 'aborted', ids: 4, unfinished: 4, bytesAccepted: 0 });
    expect(report.error).toMatchObject({ code: 'ENXIO' });
  });
});
