import { byContainer, byNamespace, byPod, bySetcap } from './capability.js';
import { EXIT, type ExitCode } from './command.js';
import { UsageError } from './options.js';
import type { Terminal } from './terminal.js';

/**
 * Codes of errors of the library that are about an argument. The library checks arguments, since it
 * knows which go together.
 */
const ARGUMENTS = [
  'INVALID_ARGUMENT',
  'OUT_OF_RANGE',
  'INVALID_ADDRESS',
  'TEMPLATE',
  'FIELD',
  'FRAME_TOO_LONG',
  'DATAGRAM_TOO_LONG',
  'SEGMENT_TOO_LONG',
].map((name) => `ERR_ZEROSEND_${name}`);

type Coded = Error & { code?: unknown };

/**
 * Turns an error of the library about an argument into a UsageError; returns other errors as they
 * are.
 */
export function asUsageError(error: unknown): unknown {
  const { code, message } = error as Coded;
  return typeof code === 'string' && ARGUMENTS.includes(code) ? new UsageError(message) : error;
}

/** A capability that a command needs, and a command line by which it can be tried without it. */
export interface Capability {
  readonly name: string;
  readonly tryBy: string;
}

/**
 * Explains why something could not be started, and what would help.
 * @param capability the capability that is missing; null where none would help
 * @throws any error that is neither of the system nor of the library
 */
export function unavailable(
  error: unknown,
  { terminal, json }: { readonly terminal: Terminal; readonly json: boolean },
  command: string,
  capability: Capability | null,
): ExitCode {
  const { code, message } = error as Coded;
  if (typeof code !== 'string') throw error;
  if (json) terminal.printJson({ command, ok: false, error: { code, message } });
  terminal.note(`zerosend: ${message}`);
  if (capability !== null && (code === 'EPERM' || code === 'EACCES')) {
    terminal.note(adviceOn(capability.name, capability.tryBy).join('\n'));
  }
  return EXIT.UNAVAILABLE;
}

function adviceOn(name: string, tryBy: string): string[] {
  // The command line sends into an interface that drops everything.
  const inSink = `sh -c 'ip link add zsx0 type ifb && ip link set zsx0 up && ${tryBy}'`;
  const ways = [
    bySetcap(name, process.execPath),
    byContainer('docker', name, false),
    byPod(name, false),
    byNamespace(inSink),
  ];
  return [
    '',
    `This needs the capability CAP_${name}. One of these gives it:`,
    ...ways.flatMap(({ type, what }) => [`  ${type}`, `      ${what}`]),
  ];
}
