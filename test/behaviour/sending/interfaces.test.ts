import { describe, expect, it } from 'vitest';
import { askAlone } from '../../support/alone.js';
import { canMakeNamespaces, needs } from '../../support/requirements.js';

const PROGRAM = new URL('programs/interfaces.mjs', import.meta.url);
const run = (scenario: string) => askAlone(PROGRAM, [scenario]);

const drained = (ids: number) => ({ outcome: 'drained', ids, unfinished: 0 });

describe('a zone', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  it('is that of an interface that was made again under its name', async () => {
    expect(await run('made again')).toMatchObject({
      ids: [0, 1, 2],
      gone: 'ERR_ZEROSEND_INVALID_ADDRESS',
      sent: true,
      report: drained(3),
    });
  });

  it('is that of the interface which has the name now, not of the one that had it', async () => {
    expect(await run('another of that name')).toMatchObject({
      ids: [0, 1, 2],
      sent: true,
      strayed: false,
      report: drained(3),
    });
  });

  it('that a socket is connected through ends with its interface', async () => {
    const { code, name, now } = await run('bound');
    expect(['ENETUNREACH', 'ENODEV']).toContain(code);
    expect(now).toMatch(/^fe80::99%\d+$/); // not the name, which another interface has
    expect(now).not.toContain(name);
  });
});

describe('a queue in use', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  it('is waited for by a clock that nobody steps', async () => {
    const ended = { end: 'EBUSY', waited: true };
    expect(await run('wall clock')).toEqual([ended, ended]);
  });
});

describe('an IPv4 address', needs(canMakeNamespaces(), 'making network namespaces'), () => {
  it('written as an IPv6 one has the headers of IPv4', async () => {
    const { opened, lengths, maxSendLength, mtu } = await run('mapped');
    const tooLong = (most: number, segmentSize: number) =>
      `options.segmentSize must be at most ${most} on this path (MTU 1500); received ${segmentSize}`;
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '0:0:0:0:0:FFFF:7f00:1']) {
      for (const size of [1452, 1453, 1472]) expect(opened[`${address} ${size}`]).toBe('sent');
      expect(opened[`${address} 1473`]).toBe(tooLong(1472, 1473));
    }
    expect(opened['::1 1452']).toBe('sent');
    expect(opened['::1 1453']).toBe(tooLong(1452, 1453));
    const sizes = [1452, 1453, 1472].flatMap((size) => [size, size, size]);
    expect(lengths).toEqual([...sizes, ...sizes, ...sizes, 1472, 1472, 1472, 1472]);
    expect({ maxSendLength, mtu }).toEqual({ maxSendLength: 65_507, mtu: 1500 });
  });
});
