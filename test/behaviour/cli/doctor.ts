// Runs `zerosend doctor` under conditions, and reads what it finds.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Finding } from '../../../lib/cli/doctor/finding.js';
import { ownNamespace } from '../../../rig/index.mjs';
import { type Ended, pipe, zerosend } from './shell.js';

export const LO_UP = 'link set lo up';

export interface Report extends Pick<Ended, 'code'> {
  core: boolean;
  findings: Finding[];
  /** The finding of that id, which has to be there. */
  of(id: string): Finding & { data: Record<string, unknown> };
  /** What is typed to change it. */
  typed(id: string): string[];
}

export interface Conditions {
  /** lines of ip for the network namespace that it runs in, which is its own */
  network?: readonly string[];
  /** what starts it, inside that */
  prefix?: readonly string[];
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** options of Node.js */
  node?: readonly string[];
  /** Node.js; default the one that runs the tests */
  executable?: string;
}

/** The command line of a doctor in a network namespace of its own. */
export function commandLine(conditions: Conditions): string[] {
  const { network = [LO_UP], prefix = [], args = [], node = [] } = conditions;
  const { executable = process.execPath } = conditions;
  return [...ownNamespace(network), ...prefix, executable, ...node, zerosend, 'doctor', ...args];
}

/** What a doctor finds under these conditions. */
export async function doctor(conditions: Conditions = {}): Promise<Report> {
  const { args = [], env } = conditions;
  const line = commandLine({ ...conditions, args: ['--json', ...args] });
  const { code, stdout, stderr } = await pipe(line, { timeout: 60_000, ...(env && { env }) });
  expect(stderr).toBe('');
  const report: Report = JSON.parse(stdout);
  const of = (id: string) => {
    const found = report.findings.find((one) => one.id === id);
    if (!found) throw new Error(`no finding '${id}'`);
    return found as ReturnType<Report['of']>;
  };
  const typed = (id: string) => (of(id).remedies ?? []).map(({ type }) => type);
  return { ...report, code, of, typed };
}

/** A user of these tests alone: locked memory is counted for all processes of a user. */
export const NOBODY_ID = 50_000 + (process.pid % 10_000);

/** What runs as a user who can get no capability. */
const nobody = (uid: number) => [
  'setpriv',
  `--reuid=${uid}`,
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=-all',
  '--bounding-set=-all',
];
export const NOBODY = nobody(NOBODY_ID);

let others = 0;
/**
 * The same as another user each time, up to four in a process: the kernel may give back what a process has
 * locked some time after its end.
 */
export const anotherNobody = () => nobody(10_000 + 4 * (process.pid % 10_000) + others++);

/** A shell line that runs first. */
export const after = (line: string) => ['sh', '-c', `${line} && exec "$@"`, 'sh'];

export const ZERO_COPY = ['tcp4-zerocopy', 'udp4-zerocopy', 'tcp6-zerocopy', 'udp6-zerocopy'];

/** The helper program that sets conditions; undefined where there is no compiler. */
export function compileUnder(): { path: string; remove(): void } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'zerosend-under-'));
  const path = join(folder, 'under');
  const source = fileURLToPath(new URL('programs/under.c', import.meta.url));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    execFileSync('cc', ['-O1', source, '-o', path]);
    execFileSync('chmod', ['755', folder]);
    return { path, remove };
  } catch {
    remove();
    return undefined;
  }
}
