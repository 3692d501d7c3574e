// @ts-check
//   node scripts/format.mjs [--check]     writes, or only tells what it would write
import { biome, clangFormat } from './support/checks.mjs';

const check = process.argv.includes('--check');
for (const { ok } of [
  await biome(check ? 'format' : 'write'),
  await clangFormat(check ? 'check' : 'write'),
]) {
  if (!ok) process.exitCode = 1;
}
