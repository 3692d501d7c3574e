// @ts-check
import { biome, clangFormat, types } from './support/checks.mjs';
import { dependencies } from './support/dependencies.mjs';

for (const check of [() => biome('lint'), () => clangFormat('check'), dependencies, types]) {
  if (!(await check()).ok) process.exitCode = 1;
}
