// docs/command-line.md against the commands.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../../dist/cli/base/command.js';
import { COMMANDS } from '../../../dist/cli/commands.js';
import { COMMAND_LINE, helpOfAll, renewed } from '../../../scripts/support/command-line.mjs';
import { root } from '../../../scripts/support/files.mjs';
import { canMakeNamespaces, needs } from '../../support/requirements.js';
import { doctor } from './doctor.js';
import { pipe, zerosend } from './shell.js';

const text = readFileSync(join(root, COMMAND_LINE), 'utf8');
const help = await helpOfAll();

describe('the document of the command line', () => {
  it('has a section for each command, and for no other', () => {
    const sections = [...text.matchAll(/^## zerosend (\S+)$/gm)].map(([, name]) => name);
    expect(sections.sort()).toEqual(Object.keys(COMMANDS).sort());
  });

  it('has the help that each prints: `npm run interface` renews it', () => {
    expect(renewed(text, help)).toBe(text);
  });

  it.each([...help.keys()])('zerosend %s --help prints what it is told to', async (name) => {
    const { code, stdout, stderr } = await pipe([process.execPath, zerosend, name, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`${help.get(name)}\n`);
  });

  it('and the list say the same of each command in one line', async () => {
    for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
      expect([name, summary]).toEqual([name, (await load()).command.summary]);
    }
  });

  it('has every exit code', () => {
    const rows = [...text.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(rows).toEqual(Object.values(EXIT));
  });

  it('finds help that has changed, and a command that has no section', () => {
    const other = new Map([...help, ['doctor', 'other help'], ['fly', 'help']]);
    const now = renewed(text, other);
    expect(now).toContain('$ zerosend doctor --help\nother help\n```');
    expect(now).toContain('## zerosend fly\n\n```text\n$ zerosend fly --help\nhelp\n```\n');
    expect(renewed(now, other)).toBe(now);
    // A block that is empty still ends with itself, not with the next one.
    const empty = '```text\n$ zerosend fly --help\n```\n\n```text\nanother\n```\n';
    expect(renewed(empty, new Map([['fly', 'help']]))).toBe(
      '```text\n$ zerosend fly --help\nhelp\n```\n\n```text\nanother\n```\n',
    );
  });

  it('lists every finding of the doctor', needs(canMakeNamespaces(), 'namespaces'), async () => {
    const { findings } = await doctor({ args: ['--interface', 'lo'] });
    const rows = text.match(/^\| `.*$/gm)?.join('\n') ?? '';
    for (const { id } of findings) expect(rows).toContain(`\`${id.replace(':lo', ':NAME')}\``);
  });
});
