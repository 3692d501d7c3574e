import type { Wire } from '../generator/support/wire.js';
import { zerosend } from './shell.js';

/** Runs a command at the sending end of a wire: its report, and the frames that have arrived. */
export async function framesOf(wire: Wire, command: 'send' | 'replay', args: readonly string[]) {
  const line = [zerosend, command, ...args, '--json'];
  const send = () => wire.rig.sender.run(process.execPath, line);
  const { heard, frames: got, sent } = await wire.hear(send, { sequence: 0, save: true });
  return { heard, got, report: JSON.parse(sent.stdout), stderr: sent.stderr };
}
