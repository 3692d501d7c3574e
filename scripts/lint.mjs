// @ts-check
import { biome, clangFormat, types } from './support/checks.mjs';

for (const check of [() => biome('lint'), () => clangFormat('check'), types]) {
  if (!(await check()).ok) process.exitCode = 1;
}
