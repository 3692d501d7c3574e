import { describe, expect, it } from 'vitest';
import { EXIT } from '../../../lib/cli/base/command.js';
import { columns, exitCodesOf, helpOf } from '../../../lib/cli/base/help.js';
import { sample } from './sample.js';

describe('the help of a command', () => {
  const help = helpOf(sample);
  const lines = help.split('\n');

  it('says what it does, how it is called, and shows examples', () => {
    expect(lines[0]).toBe('Does nothing, with an option of each kind.');
    expect(help).toContain('usage: zerosend sample [options] FILE...');
    expect(help).toContain('Examples:\n  zerosend sample --loud\n      says more\n');
  });

  it('has each option with its letter, its value and its default', () => {
    const row = (name: string) => lines.find((line) => line.includes(`--${name}`))?.trim();
    expect(row('loud')).toMatch(/^-l, --loud {2,}say more$/);
    expect(row('to')).toMatch(/^--to HOST {2,}where to$/);
    expect(row('kind ')).toMatch(/^--kind udp\|tcp {2,}which kind \(default: udp\)$/);
    expect(row('kinds')).toMatch(/^--kinds LIST {2,}which kinds \(default: udp,tcp\)$/);
    expect(row('size')).toMatch(/^-s, --size BYTES {2,}how large \(default: 1400\)$/);
    expect(row('json')).toMatch(/^--json {2,}print one JSON document/);
    expect(row('help')).toMatch(/^-h, --help {2,}print this$/);
  });

  it('has each exit code, in the words of the command where it has its own', () => {
    for (const code of Object.values(EXIT)) expect(help).toMatch(new RegExp(`^ {2}${code} `, 'm'));
    expect(help).toMatch(/^ {2}1 +nothing was done after all$/m);
    expect(exitCodesOf()).toMatch(/^ {2}1 +it ran, and the result is not right$/m);
  });

  it('is no wider than 100 characters', () => {
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
  });
});

describe('rows of two columns', () => {
  it('wrap the second one at words', () => {
    const wrapped = columns([['name', 'word '.repeat(40)]]).split('\n');
    expect(wrapped.length).toBeGreaterThan(1);
    expect(wrapped[0]).toMatch(/^ {2}name {2}word/);
    for (const line of wrapped.slice(1)) expect(line).toMatch(/^ {8}word/);
  });

  it('put it on a line of its own behind a long name', () => {
    const rows = columns([
      ['a', 'first'],
      ['a-very-long-name-of-an-option BYTES', 'second'],
    ]).split('\n');
    expect(rows).toHaveLength(3);
    expect(rows[2]?.indexOf('second')).toBe(rows[0]?.indexOf('first'));
  });
});
