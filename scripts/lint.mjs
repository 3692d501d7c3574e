// @ts-check
import { biome, clangFormat, types } from './support/checks.mjs';
import { dependencies } from './support/dependencies.mjs';
import { threadSafety } from './support/thread-safety.mjs';

for (const check of [
  () => biome('lint'),
  () => clangFormat('check'),
  dependencies,
  threadSafety,
  types,
]) {
  if (!(await check()).ok) process.exitCode = 1;
}
