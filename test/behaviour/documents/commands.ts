import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { COMMANDS } from '../../../dist/cli/commands.js';
import { read, root } from './blocks.js';

/** A command of a shell: the program, and what it is given. */
export type Words = readonly string[];

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** Why the block that a program stands in is not run, and what is wrong with its arguments. */
interface Program {
  notRun: string | null;
  wrong?: (args: Words) => string | null;
}

const changes: Program = { notRun: 'changes the machine' };
const looks: Program = { notRun: null };

const PROGRAMS: Record<string, Program> = {
  npm: { notRun: 'the tests of the package run it', wrong: wrongNpm },
  npx: { notRun: 'the tests of the command run it', wrong: wrongNpx },
  zerosend: { notRun: 'the tests of the command run it', wrong: wrongZerosend },
  node: { notRun: 'the tests of examples and benchmarks run it', wrong: wrongNode },
  unshare: { notRun: 'run where the program is one of the document' },
  bun: { notRun: 'another runtime, which need not be there' },
  deno: { notRun: 'another runtime, which need not be there' },
  docker: { notRun: 'needs a daemon and an image' },
  sysctl: { notRun: 'changes the machine, or depends on it' },
  ip: changes,
  tc: changes,
  setcap: changes,
  ulimit: changes,
  mkdir: changes,
  cd: changes,
  sudo: changes,
  sh: changes,
  cat: looks,
  uname: looks,
};

function wrongNpm([what = '', name = '', ...args]: Words): string | null {
  if (what === 'run') return name in scripts ? null : `no script ${name}`;
  if (what === 'start') return wrongZerosend(['demo', ...args]); // behind the `--`
  if (what === 'test') return what in scripts ? null : `no script ${what}`;
  return ['ci', 'install', 'pack', 'rebuild', 'init'].includes(what) ? null : `npm ${what}`;
}

function wrongNpx([name = '', ...args]: Words): string | null {
  if (name === 'zerosend') return wrongZerosend(args);
  return existsSync(`${root}node_modules/.bin/${name}`) ? null : `npx ${name}`;
}

function wrongZerosend([name = '', ...args]: Words): string | null {
  if (name === '--help' || name === 'COMMAND') return null; // any of them
  if (name === 'help') return wrongZerosend(args);
  if (!(name in COMMANDS)) return `no command ${name}`;
  const help = helps.get(name) ?? helpOf(name);
  helps.set(name, help);
  const unknown = args
    .filter((word) => /^--\w/.test(word))
    .map((word) => word.replace(/=.*/, ''))
    .find((option) => !new RegExp(`${option}(?![\\w-])`).test(help));
  return unknown === undefined ? null : `${name} has no option ${unknown}`;
}

const helps = new Map<string, string>();

function helpOf(name: string): string {
  const args = [`${root}dist/cli/main.js`, name, '--help'];
  return execFileSync(process.execPath, args, { encoding: 'utf8' });
}

/** A path of the checkout has to be there; a name alone is the reader's own file. */
function wrongNode(args: Words): string | null {
  const file = args.find((word) => !word.startsWith('-')) ?? '';
  return !file.includes('/') || existsSync(`${root}${file}`) ? null : `no file ${file}`;
}

/** The simple commands of a script, those of `sh -c` included. Quotes hold words together. */
export function commandsOf(script: string): Words[] {
  const commands: string[][] = [[]];
  const token = /#.*|\\\n|'([^']*)'|"([^"]*)"|(&&|\|\|?|;|\n|&)|([^\s'"|&;]+)|\s/gm;
  for (const [all, single, double, end, word] of script.matchAll(token)) {
    if (end !== undefined) commands.push([]);
    else if (all[0] !== '#' && (single ?? double ?? word) !== undefined) {
      commands.at(-1)?.push(single ?? double ?? word ?? '');
    }
  }
  return commands
    .map((words) => words.slice(words.findIndex((word) => !/^\w+=/.test(word))))
    .filter((words) => words.length > 0)
    .flatMap((words) => {
      const shell = words.findIndex((word, at) => word === 'sh' && words[at + 1] === '-c');
      return shell < 0 ? [words] : [words.slice(0, shell), ...commandsOf(words[shell + 2] ?? '')];
    })
    .filter((words) => words.length > 0);
}

/** The commands of `zerosend` that stand in a line of text, between backquotes. */
export function inlineCommands(text: string): string[] {
  const found = text.matchAll(/`((?:npx )?zerosend (?=[a-z])[^`]+|npm start[^`]*)`/g);
  return [...found].map(([, command = '']) => command);
}

/** What is wrong with the commands of a block: programs that nobody knows, arguments that are not there. */
export function problemsOf(script: string): string[] {
  return commandsOf(script).flatMap(([name = '', ...args]) => {
    const program = Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
    if (program === undefined) return [`no such program: ${name}`];
    return program.wrong?.(args) ?? [];
  });
}

/** Whether a block runs programs of its document, by their names, in a network of their own. */
export function isConfined(script: string, names: readonly string[]): boolean {
  const commands = commandsOf(script);
  const [first] = commands;
  const runs = commands.filter(([name]) => name === 'node').map(([, file = '']) => file);
  return first?.[0] === 'unshare' && runs.length > 0 && runs.every((file) => names.includes(file));
}

/** Whether all that a block does is to look, so that it can be run anywhere. */
export function isRunnable(script: string): boolean {
  return commandsOf(script).every(([name = '']) => PROGRAMS[name]?.notRun === null);
}
