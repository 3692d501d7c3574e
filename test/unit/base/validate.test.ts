import { describe, expect, it } from 'vitest';
import { describe as describeValue, systemError } from '../../../lib/base/errors.js';
import {
  checkInteger,
  checkObject,
  checkOneOf,
  checkSignal,
  checkString,
} from '../../../lib/base/validate.js';
import { checkSocketOptions, type SocketOptions } from '../../../lib/engine/options.js';
import { checkAddress } from '../../../lib/sockets/address.js';
import { openError } from '../../../lib/sockets/open-error.js';

interface Thrown {
  type: string;
  code: string;
  message: string;
}

function thrown(task: () => unknown): Thrown {
  try {
    task();
  } catch (error) {
    const { name, code, message } = error as Error & { code: string };
    return { type: name, code, message };
  }
  throw new Error('nothing was thrown');
}

const argument = (message: string): Thrown => ({
  type: 'TypeError',
  code: 'ERR_ZEROSEND_INVALID_ARGUMENT',
  message,
});
const range = (message: string): Thrown => ({
  type: 'RangeError',
  code: 'ERR_ZEROSEND_OUT_OF_RANGE',
  message,
});

describe('what an error says was received', () => {
  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [5, 'number 5'],
    [-0, 'number -0'],
    [Number.NaN, 'number NaN'],
    [12n, 'bigint 12n'],
    [true, 'boolean true'],
    ['abc', "string 'abc'"],
    [Symbol('s'), 'symbol Symbol(s)'],
    [[1, 2, 3, 4, 5], '[ 1, 2, 3, ... 2 more items ]'],
    [{ a: { b: 1 } }, '{ a: [Object] }'],
    [function named() {}, 'function named'],
  ])('%o', (value, text) => {
    expect(describeValue(value)).toBe(text);
  });

  it('is short and on one line, whatever was received', () => {
    const wide = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, i]));
    for (const value of ['x'.repeat(100_000), new Uint8Array(1 << 20), wide]) {
      const text = describeValue(value);
      expect(text.length).toBeLessThan(160);
      expect(text).not.toContain('\n');
    }
  });
});

describe('checkInteger', () => {
  const check = (value: unknown) => () => checkInteger('n', value, -2, 10);

  it('returns numbers within the range, both ends included', () => {
    for (const value of [-2, 0, 7, 10]) expect(check(value)()).toBe(value);
  });

  it.each([-3, 11, 1.5, Number.NaN, Number.POSITIVE_INFINITY, -Number.MAX_VALUE])(
    'refuses the number %d',
    (value) => {
      expect(thrown(check(value))).toEqual(
        range(`n must be a whole number from -2 to 10; received number ${value}`),
      );
    },
  );

  it.each([
    ['5', "string '5'"],
    [null, 'null'],
    [undefined, 'undefined'],
    [5n, 'bigint 5n'],
    [Object(5), '[Number: 5]'],
  ])('refuses %o', (value, text) => {
    expect(thrown(check(value))).toEqual(argument(`n must be a number; received ${text}`));
  });
});

describe('the other checks', () => {
  it('return what is right', () => {
    const { signal } = new AbortController();
    const object = {};
    expect(checkString('s', 'lo')).toBe('lo');
    expect(checkOneOf('o', 'b', ['a', 'b'])).toBe('b');
    expect(checkObject('o', object)).toBe(object);
    expect(checkSignal(signal)).toBe(signal);
    expect(checkSignal(undefined)).toBeUndefined();
    expect(checkAddress('to', { address: '198.18.0.1', port: 0 }, 0)).toEqual({
      address: '198.18.0.1',
      port: 0,
    });
  });

  it.each<[string, () => unknown, Thrown]>([
    [
      'an empty string',
      () => checkString('s', ''),
      argument("s must be a string that is not empty; received string ''"),
    ],
    [
      'no string',
      () => checkString('s', 5),
      argument('s must be a string that is not empty; received number 5'),
    ],
    [
      'a string with NUL',
      () => checkString('s', 'a\0b'),
      argument("s must be a string without NUL; received string 'a\\x00b'"),
    ],
    [
      'none of several',
      () => checkOneOf('o', 'c', ['a', 'b']),
      argument("o must be one of 'a', 'b'; received string 'c'"),
    ],
    [
      'no object',
      () => checkObject('o', 'x'),
      argument("o must be an object; received string 'x'"),
    ],
    [
      'null as an object',
      () => checkObject('o', null),
      argument('o must be an object; received null'),
    ],
    [
      'an array as an object',
      () => checkObject('o', []),
      argument('o must be an object; received []'),
    ],
    [
      'no signal',
      () => checkSignal({ aborted: false }),
      argument('options.signal must be an AbortSignal; received { aborted: false }'),
    ],
    [
      'null as a signal',
      () => checkSignal(null),
      argument('options.signal must be an AbortSignal; received null'),
    ],
    [
      'no address',
      () => checkAddress('to', undefined, 1),
      argument('to must be an object; received undefined'),
    ],
    [
      'an address without host',
      () => checkAddress('to', { port: 1 }, 1),
      argument('to.address must be a string that is not empty; received undefined'),
    ],
    [
      'a port as text',
      () => checkAddress('to', { address: 'a', port: '1' }, 1),
      argument("to.port must be a number; received string '1'"),
    ],
    [
      'port 0 to send to',
      () => checkAddress('to', { address: 'a', port: 0 }, 1),
      range('to.port must be a whole number from 1 to 65535; received number 0'),
    ],
    [
      'port 65536',
      () => checkAddress('to', { address: 'a', port: 65_536 }, 1),
      range('to.port must be a whole number from 1 to 65535; received number 65536'),
    ],
  ])('refuse %s', (_name, task, expected) => {
    expect(thrown(task)).toEqual(expected);
  });
});

describe('checkSocketOptions', () => {
  it('fills in the defaults', () => {
    expect(checkSocketOptions({})).toEqual({
      zeroCopy: 'auto',
      zeroCopyThreshold: 10_240,
      sendBufferSize: 0,
      maxQueuedSends: 1024,
      interface: undefined,
      timestamps: 0,
      maxPacingRate: 0,
      measureLatency: false,
      stallAfter: 0,
      submit: 'inline',
    });
  });

  it.each<[string, unknown, RegExp]>([
    [
      'zeroCopy',
      'yes',
      /^options.zeroCopy must be one of 'auto', 'always', 'never'; received string 'yes'$/,
    ],
    ['zeroCopyThreshold', -1, /received number -1$/],
    ['zeroCopyThreshold', 2 ** 32, /from 0 to 4294967295; received number 4294967296$/],
    ['maxQueuedSends', 0, /from 1 to 1048576; received number 0$/],
    ['sendBufferSize', 1023, /from 1024 to 1073741824; received number 1023$/],
    ['sendBufferSize', '1 MB', /a number; received string '1 MB'$/],
    ['interface', '', /not empty; received string ''$/],
    ['interface', 7, /received number 7$/],
    ['interface', 'a-name-of-16-byt', /received/],
  ])('refuses %s: %o', (name, value, message) => {
    const error = thrown(() => checkSocketOptions({ [name]: value } as SocketOptions));
    expect(error.message).toMatch(message);
    expect(error.message.startsWith(`options.${name}`)).toBe(true);
    expect(error.code).toMatch(/^ERR_ZEROSEND_(OUT_OF_RANGE|INVALID_ARGUMENT)$/);
  });
});

describe('errors of the system', () => {
  it('look like those of Node', () => {
    const error = systemError(111, 'connect', { address: '198.18.0.1', port: 9 });
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe('connect ECONNREFUSED 198.18.0.1:9: connection refused');
    expect({ ...error }).toEqual({
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: '198.18.0.1',
      port: 9,
    });
  });

  it('name a number that has no name', () => {
    expect(systemError(999, 'sendto')).toMatchObject({ code: 'E999', errno: -999 });
  });

  it('name what the call was about', () => {
    const request = {
      local: { address: '198.18.0.1', port: 7 },
      remote: { address: '198.18.0.2', port: 9 },
      interface: 'lo',
      family: 4,
      sendBufferSize: 0,
      segmentSize: 0,
      zeroCopy: true,
      maxQueuedSends: 1,
      timestamps: 0,
      maxPacingRate: 0,
    } as const;
    const of = (syscall: string) => openError({ errno: 22, syscall }, request);
    expect(of('bind')).toMatchObject({ address: '198.18.0.1', port: 7 });
    expect(of('connect')).toMatchObject({ address: '198.18.0.2', port: 9 });
    const interfaceError = of('setsockopt(SO_BINDTODEVICE)');
    expect(interfaceError).toMatchObject({ interface: 'lo' });
    expect(interfaceError.message).toContain(' lo: ');
  });
});
