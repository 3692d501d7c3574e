// An option that may be given without a value, such as --web[=PORT].
import { describe, expect, it } from 'vitest';
import { defineCommand, EXIT } from '../../../lib/cli/base/command.js';
import { helpOf } from '../../../lib/cli/base/help.js';
import { custom, flag, UsageError } from '../../../lib/cli/base/options.js';
import { parse } from '../../../lib/cli/base/parse.js';

const port = (given: string): number => {
  if (/^\d+$/.test(given)) return Number(given);
  throw new UsageError('has to be a port');
};
const command = defineCommand({
  name: 'sample',
  summary: 'does nothing',
  about: 'Does nothing.',
  positionals: 'FILE...',
  options: {
    web: { ...custom('show it', port, { placeholder: 'PORT', default: undefined }), bare: '0' },
    loud: flag('say more'),
  },
  examples: [],
  run: async () => EXIT.OK,
});

describe('an option that needs no value', () => {
  it('takes what follows a =, and never the next argument', () => {
    const given = (...args: string[]) => {
      const { options, positionals } = parse(command, args);
      return [options.web, positionals];
    };
    expect(given()).toEqual([undefined, []]);
    expect(given('--web')).toEqual([0, []]);
    expect(given('--web', '8080')).toEqual([0, ['8080']]);
    expect(given('--web=8080', 'a')).toEqual([8080, ['a']]);
    expect(given('a', '--web', '--loud')).toEqual([0, ['a']]);
    expect(given('--', '--web')).toEqual([undefined, ['--web']]);
    expect(() => given('--web=x')).toThrow("--web has to be a port; received 'x'");
    expect(() => given('--web=')).toThrow("--web has to be a port; received ''");
  });

  it('is written so by help', () => {
    expect(helpOf(command)).toMatch(/^ {2}--web\[=PORT\] +show it$/m);
  });
});
