import { fileURLToPath } from 'node:url';
import { zig } from '../../../scripts/prebuild/zig.mjs';
import { run } from './run.js';

/** Compiles one of the programs beside this folder into a shared library, by the compiler of the binaries. */
export async function sharedLibrary(source: string, target: string, out: string): Promise<void> {
  const path = fileURLToPath(new URL(`../programs/${source}`, import.meta.url));
  const args = ['cc', '-target', target, '-shared', '-fPIC', '-O1', '-o', out, path];
  const { code, stderr } = await run(zig.program, args, { cwd: '/', env: zig.env });
  if (code !== 0) throw new Error(`${source} does not compile: ${stderr}`);
}
