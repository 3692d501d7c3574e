import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { release } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hasTool, needs } from '../../support/requirements.js';
import { ask, askAsOrdinaryUser, hasOrdinaryUser } from './children.js';

interface Attempt {
  spare: number;
  protocol: 'udp' | 'tcp';
  /** Descriptors that were open afterwards and not at the start. */
  more: number;
  code?: string;
  syscall?: string;
  message?: string;
  value?: unknown;
}

async function listeners() {
  const tcp = createServer((connection) => connection.resume()).listen(0, '127.0.0.1');
  const udp = createSocket('udp4').bind(0, '127.0.0.1');
  onTestFinished(() => {
    tcp.close();
    udp.close();
  });
  await Promise.all([once(tcp, 'listening'), once(udp, 'listening')]);
  return { tcpPort: (tcp.address() as { port: number }).port, udpPort: udp.address().port };
}

describe('with too many open files', () => {
  it('opening rejects with EMFILE, leaks nothing, and works again afterwards', async () => {
    // Node.js opens all modules of the library at once.
    const limited = ['sh', '-c', 'ulimit -n 256 && exec "$@"', 'sh'];
    const given = { ...(await listeners()), spare: [0, 1, 2, 0, 1] };
    const told = await ask('descriptors', given, { prefix: limited });
    const { attempts, interfaces, maxSendLength, more } = told;
    const drained = { outcome: 'drained', ids: 1, unfinished: 0 };
    const story = (attempts as Attempt[]).map(({ spare, protocol, value, code, syscall, more }) => {
      if (value !== undefined) expect(value).toMatchObject(drained);
      return `${protocol} with ${spare}: ${value ? 'sends' : `${syscall} ${code}`}, ${more} more`;
    });
    expect(story).toEqual([
      'udp with 0: epoll_create1 EMFILE, 0 more',
      'tcp with 0: epoll_create1 EMFILE, 0 more',
      'udp with 1: eventfd EMFILE, 0 more',
      'tcp with 1: eventfd EMFILE, 0 more',
      'udp with 2: socket EMFILE, 2 more', // the poller, which stays
      'tcp with 2: sends, 2 more',
      'udp with 0: socket EMFILE, 2 more',
      'tcp with 0: socket EMFILE, 2 more',
      'udp with 1: sends, 2 more',
      'tcp with 1: sends, 2 more',
    ]);
    expect(more).toBe(2);
    for (const { message, syscall, code } of attempts.filter((one: Attempt) => one.code)) {
      expect(message).toContain(`${syscall} ${code}`);
    }
    for (const refused of Object.values(interfaces)) {
      expect(refused).toMatchObject({ code: 'EMFILE', syscall: 'if_nametoindex' });
      expect((refused as Attempt).message).toMatch(/lo: too many open files$/);
    }
    // The first UDP socket had no descriptor left to find out how many segments a send may have:
    // that was not the last word.
    expect(maxSendLength).toBe(majorMinor() >= 6.09 ? 64_000 : 32_000);
  });
});

/** Linux 6.9 is 6.09: it raised the segments of a send from 64 to 128. */
function majorMinor(): number {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major + minor / 100;
}

const ordinary = needs(hasOrdinaryUser && hasTool('prlimit'), 'prlimit, and setpriv where root');

describe('of an ordinary user', ordinary, () => {
  it('opening rejects with EAGAIN where no thread can be started, and works later', async () => {
    const { refused, left, closed } = await askAsOrdinaryUser('limits', { what: 'threads' });
    expect(refused).toMatchObject({ name: 'Error', code: 'EAGAIN', syscall: 'pthread_create' });
    expect(left).toBe(0);
    expect(closed).toMatchObject({ outcome: 'drained', ids: 1, unfinished: 0 });
  });

  it('a pool is refused where mmap has no room for it', async () => {
    const { refused, granted } = await askAsOrdinaryUser('limits', { what: 'memory' });
    expect(refused).toMatchObject({ name: 'RangeError', code: 'ERR_ZEROSEND_NO_MEMORY' });
    expect(refused.message).toMatch(/1024 buffers of 1048576 bytes need 1073741824 bytes; mmap/);
    expect(granted.value).toMatchObject({ count: 64, free: 64 });
  });

  it('an interface has to exist; the one there is needs no privilege since Linux 5.7', async () => {
    const { uid, absent, more, loopback } = await askAsOrdinaryUser('limits', {
      what: 'interfaces',
    });
    expect(uid).not.toBe(0);
    expect(absent).toMatchObject({
      code: 'ENODEV',
      message: expect.stringContaining('no-such-one'),
    });
    expect(more).toBe(2); // the poller
    if (majorMinor() >= 5.07) {
      expect(loopback.value).toMatchObject({ outcome: 'drained', ids: 1, unfinished: 0 });
    } else {
      expect(loopback).toMatchObject({ code: 'EPERM', message: expect.stringContaining(' lo:') });
    }
  });
});
