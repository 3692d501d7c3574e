import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { template } from 'zerosend/generator';
import { ownNamespace } from '../../../rig/index.mjs';
import { pcap } from '../generator/support/pcap-writer.js';
import { ETHERNET } from '../generator/support/wire.js';
import { type Block, folderOf, type ProgramBlock, root } from './blocks.js';

/** Inside the package, so that programs find it by its name. */
export const folder = `${root}build/documents-${process.pid}/`;
const OUT = 'out';

const COMPILER_OPTIONS = {
  target: 'ES2022',
  lib: ['ES2022', 'ESNext.Disposable'],
  module: 'NodeNext',
  types: ['node'],
  strict: true,
  allowJs: true,
  checkJs: true,
  skipLibCheck: true,
  rootDir: '.',
  outDir: OUT,
};

/** What the programs find: an interface `zsx0` that drops every frame, and a peer at 198.18.0.2. */
const NETWORK = [
  'link set lo up',
  'address add 198.18.0.2/32 dev lo',
  'link add zsx0 type ifb',
  'address add 198.18.0.1/15 dev zsx0',
  'link set zsx0 up',
];
const PEER = new URL('peer.mjs', import.meta.url).href;
/** Longer than any of them takes on a busy machine. */
const TIMEOUT = 25_000;

/** A capture of three frames, for programs that replay one. */
function capture(): Buffer {
  const ipv4 = { source: '10.0.0.1', destination: '10.0.0.2' };
  const udp = { source: 1, destination: 2 };
  const { bytes } = template({ ethernet: ETHERNET, ipv4, udp, payload: 'x' });
  return pcap([0n, 1_000_000n, 2_000_000n].map((time) => ({ bytes, time })));
}

/** The programs and their parts, which stand in blocks of their own. */
export function partsOf(program: ProgramBlock, all: readonly ProgramBlock[]): ProgramBlock[] {
  return all.filter(({ file, mark }) => {
    const name = mark.file?.replace(/\.mts$/, '.mjs');
    return name !== undefined && file === program.file && program.text.includes(`'./${name}'`);
  });
}

/** Whether a program is to have a network of its own; others stay on loopback, or send nothing. */
export function needsNetwork(program: ProgramBlock, all: readonly ProgramBlock[]): boolean {
  return [program, ...partsOf(program, all)].some(({ text }) => /\bzsx0\b|198\.18\./.test(text));
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/**
 * Writes the programs down and compiles them with the package's own declarations, as strictly as
 * TypeScript can. Returns what the compiler finds wrong.
 */
export async function compile(programs: readonly ProgramBlock[]): Promise<string> {
  for (const { path, text } of programs) {
    mkdirSync(dirname(folder + path), { recursive: true });
    writeFileSync(folder + path, text);
  }
  writeFileSync(`${folder}capture.pcap`, capture());
  const files = programs.map(({ path }) => path);
  const project = { compilerOptions: COMPILER_OPTIONS, files };
  writeFileSync(`${folder}tsconfig.json`, JSON.stringify(project));
  const { stdout, stderr } = await start([
    process.execPath,
    `${root}node_modules/typescript/lib/tsc.js`,
    '-p',
    folder,
  ]);
  return stdout + stderr;
}

const running = new Set<ChildProcess>();

/** Ends what still runs, and takes away what {@link compile} has written. */
export function clean(): void {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

/** Runs a program that was compiled to its end, one of all that were. */
export function run(program: ProgramBlock, all: readonly ProgramBlock[]): Promise<Ended> {
  // TypeScript runs as what the compiler made of it, JavaScript as it stands.
  const compiled = join(folder, OUT, program.path.replace(/\.mts$/, '.mjs'));
  const file = program.language === 'ts' ? compiled : folder + program.path;
  const alone = needsNetwork(program, all);
  const options = alone ? ['--import', PEER] : [];
  const prefix = alone ? ownNamespace(NETWORK) : [];
  return start([...prefix, process.execPath, ...options, file], program.mark);
}

/** Runs a script of a document where the programs of that are. */
export function runScript({ file, text }: Block): Promise<Ended> {
  return start(['sh', '-e', '-c', text], { cwd: folder + folderOf(file) });
}

function start(
  [command = '', ...args]: readonly string[],
  { signal, cwd = folder }: { signal?: NodeJS.Signals; cwd?: string } = {},
): Promise<Ended> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const limit = setTimeout(() => child.kill('SIGKILL'), TIMEOUT);
  running.add(child);
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said.stderr += text;
  });
  if (signal !== undefined) child.stdout.once('data', () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, ended) => {
      clearTimeout(limit);
      running.delete(child);
      resolve({ code, signal: ended, ...said });
    });
  });
}
