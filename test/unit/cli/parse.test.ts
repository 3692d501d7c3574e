// What comes from a command line, and what is said of one that is wrong.
import { describe, expect, it } from 'vitest';
import { defineCommand, EXIT } from '../../../lib/cli/base/command.js';
import { UsageError } from '../../../lib/cli/base/options.js';
import { parse } from '../../../lib/cli/base/parse.js';
import { sample } from './sample.js';

const given = (...args: string[]) => parse(sample, args).options;

describe('options', () => {
  it('have their defaults where nothing is given', () => {
    const parsed = parse(sample, []);
    expect(parsed).toMatchObject({ positionals: [], json: false, help: false });
    expect(parsed.options).toMatchObject({
      loud: false,
      to: undefined,
      kind: 'udp',
      kinds: ['udp', 'tcp'],
      count: 3,
      share: 0.5,
      size: 1400,
      rate: undefined,
      seconds: 1,
    });
  });

  it('are read behind a space, a =, a letter, and among what has no name', () => {
    const parsed = parse(sample, ['a', '--count', '7', '-l', '--size=64K', 'b', '--', '--count']);
    expect(parsed.options).toMatchObject({ count: 7, loud: true, size: 65_536 });
    expect(parsed.positionals).toEqual(['a', 'b', '--count']);
  });

  it('the last of two counts', () => {
    expect(given('--count', '2', '--count', '9').count).toBe(9);
  });

  it.each([
    ['1400', 1400],
    ['64K', 65_536],
    ['2M', 2 ** 21],
    ['1G', 2 ** 30],
    ['0.5K', 512],
    ['1e3', 1000],
  ])('a size %s is %d bytes', (written, value) => {
    expect(given('--size', written).size).toBe(value);
  });

  it.each([
    ['1000', 1000],
    ['250k', 250_000],
    ['1.5M', 1_500_000],
    ['0.25G', 250_000_000],
  ])('a rate %s is %d a second', (written, value) => {
    expect(given('--rate', written).rate).toBe(value);
  });

  it.each([
    ['2', 2],
    ['2s', 2],
    ['250ms', 0.25],
    ['1m', 60],
    ['1h', 3600],
  ])('a time %s is %d seconds', (written, value) => {
    expect(given('--seconds', written).seconds).toBe(value);
  });

  it('several choices come in the order of the choices', () => {
    expect(given('--kinds', 'xdp, udp').kinds).toEqual(['udp', 'xdp']);
  });

  it('names of Object.prototype are no options', () => {
    expect(() => given('--constructor')).toThrow(UsageError);
    expect(() => given('--__proto__')).toThrow(UsageError);
  });
});

describe('a wrong command line says which option, what is allowed, and what was received', () => {
  it.each([
    [['--count', '0'], /--count has to be a whole number, from 1 to 10; received '0'/],
    [['--count', '11'], /--count .* received '11'/],
    [['--count', '1.5'], /--count has to be a whole number.*'1.5'/],
    [['--count', '2k'], /--count .*'2k'/],
    [['--count', ''], /--count .*''/],
    [['--count=-1'], /--count .*'-1'/],
    [['--count', 'NaN'], /--count/],
    [['--count', '0x3'], /--count/],
    [['--count', '1.2.3'], /--count/],
    [['--share', '1.1'], /--share has to be a number, from 0 to 1; received '1.1'/],
    [['--size', '0.1K'], /--size has to be a size such as 1400 or 64K/],
    [['--size', '3T'], /--size .*'3T'/],
    [['--size', '3G'], /--size .*'3G'/],
    [['--rate', 'fast'], /--rate has to be a rate such as 1000 or 250k.*'fast'/],
    [['--rate', 'Infinity'], /--rate/],
    [['--seconds', '5 weeks'], /--seconds has to be a time such as 2s or 250ms/],
    [['--kind', 'sctp'], /--kind takes udp, tcp; received 'sctp'/],
    [['--kind', 'constructor'], /--kind takes udp, tcp/],
    [['--kinds', 'udp,sctp'], /--kinds takes udp, tcp, xdp, separated by commas/],
    [['--kinds', ''], /--kinds takes/],
  ])('%j', (args, message) => {
    expect(() => given(...args)).toThrow(UsageError);
    expect(() => given(...args)).toThrow(message);
  });

  it('an unknown option, with the one that was meant', () => {
    expect(() => given('--cuont', '3')).toThrow(
      /^Unknown option '--cuont'; did you mean '--count'\?$/,
    );
    expect(() => given('--nothing-like-it')).toThrow(/^Unknown option '--nothing-like-it'$/);
  });

  it('a value that is missing, or one too many', () => {
    expect(() => given('--count')).toThrow(/--count <value>' argument missing/);
    expect(() => given('--loud=yes')).toThrow(/--loud' does not take an argument/);
    expect(() => given('--count', '-3')).toThrow(/ambiguous/);
  });

  it('what has no name, where nothing is expected', () => {
    const plain = defineCommand({
      ...{ name: 'plain', summary: '', about: '', options: {}, examples: [] },
      run: async () => EXIT.OK,
    });
    expect(() => parse(plain, ['more'])).toThrow(/^Unexpected argument 'more'/);
    expect(parse(plain, ['--json', '-h'])).toMatchObject({ json: true, help: true });
  });
});
