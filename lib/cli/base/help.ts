import { type Command, EXIT, type ExitCode } from './command.js';
import type { OptionSpecs } from './options.js';
import { COMMON } from './parse.js';

const WIDTH = 100;

const MEANINGS: Readonly<Record<ExitCode, string>> = {
  [EXIT.OK]: 'it did what was asked, or was interrupted and said how far it came',
  [EXIT.FAILED]: 'it ran, and the result is not right',
  [EXIT.USAGE]: 'the command line is wrong; nothing was done',
  [EXIT.UNAVAILABLE]:
    'the system does not allow or have what this needs; the message says what would',
  [EXIT.KILLED]: 'a second Ctrl-C ended it at once',
  [EXIT.UNREAD]: 'nobody reads its output any more',
};

/** What `zerosend <command> --help` prints. */
export function helpOf(command: Command<OptionSpecs>): string {
  const { name, about, positionals, options, examples, exitCodes } = command;
  const usage = [
    'zerosend',
    name,
    '[options]',
    ...(positionals === undefined ? [] : [positionals]),
  ];
  return [
    about.trim(),
    '',
    `usage: ${usage.join(' ')}`,
    '',
    columns(Object.entries({ ...options, ...COMMON }).map(([key, spec]) => optionRow(key, spec))),
    '',
    'Examples:',
    ...examples.flatMap(([line, what]) => [`  ${line}`, `      ${what}`]),
    '',
    exitCodesOf(exitCodes),
  ].join('\n');
}

/** The list of exit codes, those of one command where it means more by them. */
export function exitCodesOf(own: Command<OptionSpecs>['exitCodes'] = {}): string {
  const meanings = Object.entries({ ...MEANINGS, ...own });
  return `Exit codes:\n${columns(meanings.map(([code, meaning]) => [code, meaning]))}`;
}

/** Rows of two columns, the second one wrapped. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const left = Math.min(28, Math.max(...rows.map(([name]) => name.length)) + 2);
  return rows
    .flatMap(([name, text]) => {
      const [first = '', ...more] = wrap(text, WIDTH - left - 2);
      const indent = ' '.repeat(left + 2);
      const fits = name.length < left;
      const head = fits ? [`  ${name.padEnd(left)}${first}`] : [`  ${name}`, `${indent}${first}`];
      return [...head, ...more.map((line) => `${indent}${line}`)];
    })
    .join('\n');
}

function optionRow(name: string, spec: OptionSpecs[string]): readonly [string, string] {
  const { short, placeholder, bare, help, shown } = spec;
  const value =
    placeholder === undefined ? '' : bare === undefined ? ` ${placeholder}` : `[=${placeholder}]`;
  const standard = shown ?? (placeholder === undefined ? undefined : spec.default);
  const suffix = standard === undefined || standard === '' ? '' : ` (default: ${standard})`;
  return [`${short === undefined ? '' : `-${short}, `}--${name}${value}`, `${help}${suffix}`];
}

/** Lines of at most `width` characters, broken at words. Nothing makes no line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines;
}
