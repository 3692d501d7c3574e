import { describe, expect, it } from 'vitest';
import { PacketSocket, XdpSocket } from 'zerosend';
import { isRoot } from '../../support/requirements.js';
import { openDescriptors } from './descriptors.js';
import { type Expected, expectError, outOfRange, rejectionOf, wrongType } from './expectations.js';
import type { Wrong } from './values.js';
import * as values from './values.js';

const NONE = 'no-such-one'; // an interface that does not exist: nothing is ever sent here

const OPENERS = {
  'PacketSocket.open': (options: object) => PacketSocket.open({ interface: NONE, ...options }),
  'XdpSocket.open': (options: object) => XdpSocket.open({ interface: NONE, ...options }),
} as const;

async function rejectsEach(
  wrongs: readonly Wrong[],
  open: (value: unknown) => Promise<unknown>,
  expected: (wrong: Wrong) => Expected,
): Promise<void> {
  const before = openDescriptors();
  for (const wrong of wrongs) {
    expectError(await rejectionOf(() => open(wrong.value)), expected(wrong));
  }
  expect(openDescriptors()).toEqual(before);
}

const ZERO = { value: 0, shown: 'number 0' };
const ABSENT = { value: undefined, shown: 'undefined' };

describe.each(Object.entries(OPENERS))('%s', (name, open) => {
  const openWith = name === 'PacketSocket.open' ? PacketSocket.open : XdpSocket.open;

  it('takes options', async () => {
    const given = (options: unknown) => openWith(options as { interface: string });
    await rejectsEach([...values.NOT_AN_OBJECT, ABSENT], given, wrongType);
  });

  it('takes the name of an interface', async () => {
    const given = (value: unknown) => openWith({ interface: value as string });
    await rejectsEach([...values.NOT_A_NAME, ABSENT], given, wrongType);
    const long = ['sixteen-letters!', 'ä'.repeat(8)].map((value) => ({ value, shown: value }));
    await rejectsEach(long, given, outOfRange);
  });

  it('takes frames, from 1 to 65536', async () => {
    const given = (frames: unknown) => open({ frames });
    await rejectsEach(values.NOT_A_NUMBER_TYPE, given, wrongType);
    await rejectsEach([...values.outside(1, 65_536), ZERO], given, outOfRange);
  });

  it('takes an init', async () => {
    await rejectsEach(values.NOT_A_FUNCTION, (init) => open({ init }), wrongType);
  });

  it('rejects an interface that does not exist, and leaves nothing open', async () => {
    const before = openDescriptors();
    const error = await rejectionOf(() => open({}));
    if (isRoot()) {
      expect(error).toMatchObject({ code: 'ENODEV', message: expect.stringContaining(NONE) });
    } else {
      expect(error).toMatchObject({ message: expect.stringMatching(/ENODEV|needs CAP_NET_RAW/) });
    }
    expect(openDescriptors()).toEqual(before);
  });
});

describe('PacketSocket.open', () => {
  const open = OPENERS['PacketSocket.open'];

  it('takes a frameSize from 64 to 131040', async () => {
    const given = (frameSize: unknown) => open({ frameSize });
    await rejectsEach(values.NOT_A_NUMBER_TYPE, given, wrongType);
    await rejectsEach([...values.outside(64, 131_040), ZERO], given, outOfRange);
  });

  it('says of a ring beyond 2 GiB that there is no memory for it', async () => {
    const error = await rejectionOf(() =>
      open({ interface: 'lo', frames: 65_536, frameSize: 131_040 }),
    );
    expect(error).toMatchObject({ code: 'ENOMEM', syscall: 'setsockopt(PACKET_TX_RING)' });
  });

  it('takes timestamps, one of two words', async () => {
    await rejectsEach(values.NOT_A_CHOICE, (timestamps) => open({ timestamps }), wrongType);
  });

  it('takes flags', async () => {
    for (const flag of ['qdiscBypass', 'virtioNetHeader']) {
      await rejectsEach(values.NOT_A_BOOLEAN, (value) => open({ [flag]: value }), wrongType);
    }
  });

  it("takes a linkLayer: 'raw', or a destination and a protocol", async () => {
    await rejectsEach(values.NOT_AN_OBJECT, (linkLayer) => open({ linkLayer }), wrongType);
    const destination = '02:00:00:00:00:01';
    const protocol = (value: unknown) => open({ linkLayer: { destination, protocol: value } });
    await rejectsEach([...values.NOT_A_NUMBER_TYPE, ABSENT], protocol, wrongType);
    await rejectsEach([...values.outside(1, 65_535), ZERO], protocol, outOfRange);
    const to = (value: unknown) => open({ linkLayer: { destination: value, protocol: 0x0800 } });
    await rejectsEach([...values.NOT_A_NAME, ABSENT], to, wrongType);
    const texts = ['02:00:00:00:00', '02-00-00-00-00-01', '02:00:00:00:00:0g', '::1'];
    await rejectsEach(
      texts.map((value) => ({ value, shown: `'${value}'` })),
      to,
      outOfRange,
    );
  });

  it('takes virtioNetHeader only with frames that have their link header', async () => {
    const linkLayer = { destination: '02:00:00:00:00:01', protocol: 0x0800 };
    await rejectsEach(
      [{ value: linkLayer, shown: '{ destination:' }],
      (value) => open({ linkLayer: value, virtioNetHeader: true }),
      outOfRange,
    );
  });
});

describe('XdpSocket.open', () => {
  const open = OPENERS['XdpSocket.open'];

  it.each([
    ['queue', 0, 65_535],
    ['completionTimeout', 0, 2 ** 31 - 1],
  ])('takes a %s from %i to %i', async (name, min, max) => {
    const given = (value: unknown) => open({ [name]: value });
    await rejectsEach(values.NOT_A_NUMBER_TYPE, given, wrongType);
    await rejectsEach(values.outside(min, max), given, outOfRange);
  });

  it('takes a mode, one of three words', async () => {
    await rejectsEach(values.NOT_A_CHOICE, (mode) => open({ mode }), wrongType);
  });

  it('takes a frameSize, 2048 or 4096', async () => {
    const given = (frameSize: unknown) => open({ frameSize });
    await rejectsEach(values.NOT_A_NUMBER_TYPE, given, wrongType);
    const numbers = [0, 2047, 4097, 2048.5, Number.NaN, -2048, Number.POSITIVE_INFINITY];
    const wrongs = numbers.map((value) => ({ value, shown: `number ${value}` }));
    await rejectsEach(wrongs, given, outOfRange);
  });
});
