// @ts-check
// Makes a sink, and a process within it, for programs that measure a single thing.
import { once } from 'node:events';
import { createRig, RigUnavailableError } from '../rig/index.mjs';

/**
 * Runs a program again in a namespace where packets go into an interface that drops them, with the
 * same arguments and `--inside NAME`. Where no rig can be made, prints why and exits with 1.
 * @param {string} program its path
 */
export async function runInSink(program) {
  process.exitCode = 1;
  try {
    const rig = await createRig('sink');
    try {
      const args = [program, ...process.argv.slice(2), '--inside', rig.senderInterface.name];
      const child = rig.sender.spawn(process.execPath, args, { stdio: 'inherit' });
      await once(child, 'exit');
      process.exitCode = child.exitCode ?? 1;
    } finally {
      await rig.dispose();
    }
  } catch (error) {
    if (!(error instanceof RigUnavailableError)) throw error;
    console.error(error.message);
  }
}
