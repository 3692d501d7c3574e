// Which command runs, what is said of one that does not, and what the process ends with.
import { describe, expect, it } from 'vitest';
import { systemError } from '../../../lib/base/errors.js';
import { type Command, type Entry, EXIT } from '../../../lib/cli/base/command.js';
import type { OptionSpecs } from '../../../lib/cli/base/options.js';
import { runProgram } from '../../../lib/cli/base/program.js';
import { Terminal } from '../../../lib/cli/base/terminal.js';
import { sample } from './sample.js';

function entry(run: Command<OptionSpecs>['run']): Entry {
  const { name, summary, about, examples } = sample;
  const command = { name, summary, about, examples, options: {}, run };
  return { summary: 'does what a test says', load: async () => ({ command }) };
}

async function runs(args: string[], run: Command<OptionSpecs>['run'] = async () => EXIT.OK) {
  const [out, err]: [string[], string[]] = [[], []];
  const terminal = new Terminal(
    { write: (part: string) => out.push(part) > 0 },
    { write: (part: string) => err.push(part) > 0 },
  );
  const commands = { sample: entry(run), other: entry(async () => EXIT.FAILED) };
  const code = await runProgram(commands, args, terminal);
  return { code, out: out.join(''), err: err.join('') };
}

describe('zerosend', () => {
  it.each([[[]], [['--help']], [['-h']], [['help']]])(
    '%j lists the commands and the exit codes',
    async (args) => {
      const { code, out, err } = await runs(args);
      expect({ code, err }).toEqual({ code: EXIT.OK, err: '' });
      expect(out).toMatch(/^ {2}sample +does what a test says$/m);
      expect(out).toMatch(/^ {2}other /m);
      for (const number of Object.values(EXIT))
        expect(out).toMatch(new RegExp(`^ {2}${number} `, 'm'));
    },
  );

  it('says its version', async () => {
    expect((await runs(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
  });

  it('runs a command with what stands behind its name, and ends with its code', async () => {
    let seen: unknown;
    const run: Command<OptionSpecs>['run'] = async ({ json, signal, positionals }) => {
      seen = { json, aborted: signal.aborted, positionals };
      return EXIT.FAILED;
    };
    expect(await runs(['sample', '--json'], run)).toEqual({ code: EXIT.FAILED, out: '', err: '' });
    expect(seen).toEqual({ json: true, aborted: false, positionals: [] });
  });

  it.each([[['sample', '--help']], [['sample', '-h']], [['help', 'sample']]])(
    '%j is the help of the command, which does not run',
    async (args) => {
      const { code, out } = await runs(args, () => Promise.reject(new Error('it ran')));
      expect(code).toBe(EXIT.OK);
      expect(out).toContain('usage: zerosend sample [options]');
    },
  );

  it('a command that is unknown is no success, and the one that was meant is named', async () => {
    expect(await runs(['smaple'])).toEqual({
      code: EXIT.USAGE,
      out: '',
      err:
        "zerosend: there is no command 'smaple'; did you mean 'sample'?\n" +
        "'zerosend --help' says what can be given\n",
    });
    for (const name of ['constructor', 'toString', '__proto__', '--sample', '']) {
      expect((await runs([name])).code).toBe(EXIT.USAGE);
    }
  });

  it('an option that is unknown runs nothing', async () => {
    const run = () => Promise.reject(new Error('it ran'));
    const { code, out, err } = await runs(['sample', '--jsno'], run);
    expect({ code, out }).toEqual({ code: EXIT.USAGE, out: '' });
    expect(err).toMatch(/^zerosend sample: Unknown option '--jsno'; did you mean '--json'\?\n/);
    expect(err).toContain("'zerosend sample --help' says what can be given");
  });

  it('what the system refuses is said without a stack, with a code of its own', async () => {
    const refused = () => Promise.reject(systemError(1, 'socket', { interface: 'eth0' }));
    const { code, out, err } = await runs(['sample'], refused);
    expect({ code, out }).toEqual({ code: EXIT.UNAVAILABLE, out: '' });
    expect(err).toBe('zerosend sample: socket EPERM eth0: operation not permitted\n');
  });

  it('a defect is one: its stack is what the process ends with', async () => {
    const defect = () => Promise.reject(new TypeError('x is not a function'));
    await expect(runs(['sample'], defect)).rejects.toThrow('x is not a function');
  });
});
