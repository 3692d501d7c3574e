import { byContainer, byNamespace, byPod, bySetcap } from './capability.js';
import { EXIT, type ExitCode } from './command.js';
import { UsageError } from './options.js';
import type { Terminal } from './terminal.js';

/** What an argument is refused with: by the library, since it knows best what goes together. */
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

/** The error as one about the command line, where it is one. */
export function asUsageError(error: unknown): unknown {
  const { code, message } = error as Coded;
  return typeof code === 'string' && ARGUMENTS.includes(code) ? new UsageError(message) : error;
}

/** What a command needs, and a command line by which it can be tried without. */
export interface Capability {
  readonly name: string;
  readonly tryBy: string;
}

/**
 * Says why something could not be begun, and what would let it.
 * @param capability needed for what is not allowed; null: none would help
 * @throws what is no error of the system or of the library
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
  // Into an interface that drops all.
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
