// @ts-check
import { availableParallelism } from 'node:os';
import { hasProgram, run } from './exec.mjs';
import { listFiles, root } from './files.mjs';

/** Where each member that a lock guards says so: native/core/thread_annotations.h. */
const ANNOTATED = ['native/sockets', 'native/threads'];

/**
 * clang's analysis of what is touched without its lock (-Wthread-safety). The addon is built by g++,
 * for which the annotations are nothing, so clang is not needed otherwise.
 *
 * @returns {Promise<{ ok: boolean; status: string; skipped?: string }>} `skipped` says why nothing was
 *   checked; `status` names the files that are wrong
 */
export async function threadSafety() {
  if (!hasProgram('clang++')) {
    return { ok: true, status: 'skipped', skipped: 'thread safety: needs clang++' };
  }
  const sources = listFiles(ANNOTATED, (path) => path.endsWith('.cc'));
  if (sources.length === 0) return { ok: false, status: 'there is nothing to check' };
  const flags = ['-std=c++17', '-fno-exceptions', '-fno-rtti', '-Inative', '-fsyntax-only'];
  const left = [...sources];
  /** @type {string[]} */
  const wrong = [];
  const work = async () => {
    for (let source = left.pop(); source !== undefined; source = left.pop()) {
      const args = [...flags, '-Wthread-safety', '-Werror=thread-safety', source];
      if (!(await run('clang++', args, { cwd: root })).ok) wrong.push(source);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return { ok: wrong.length === 0, status: wrong.sort().join(', ') || 'as annotated' };
}
