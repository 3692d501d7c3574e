// @ts-check
// What has to be true of a binary before anybody is given it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../support/files.mjs';
import { EXPORTED } from './compile.mjs';
import { readElf } from './elf.mjs';

/** The oldest C library that is to do: that of Debian 10, RHEL 8 and Ubuntu 20.04. */
const OLDEST_GLIBC = [2, 28];

// A C++ library among these would have to be the one that the system has.
const ALLOWED =
  /^(libc|libm|libpthread|libdl|librt)\.so(\.\d+)?$|^ld-(linux|musl)-[\w-]+\.so\.\d+$/;

/**
 * What is wrong with the binary of a target.
 *
 * @param {string} target
 * @param {Buffer} [file] default: the one in prebuilds/
 * @returns {string[]}
 */
export function problemsOf(target, file = readFileSync(pathOf(target))) {
  const [, arch, libc] = target.split('-');
  const { arch: built, exported, needed, versions } = readElf(file);
  const problems = [];
  if (built !== arch) problems.push(`it is for ${built}`);
  if (exported.join() !== EXPORTED.join()) problems.push(`it exports ${exported.join(', ')}`);
  for (const name of needed) if (!ALLOWED.test(name)) problems.push(`it needs ${name}`);
  for (const version of versions) {
    const [, major, minor] = /^GLIBC_(\d+)\.(\d+)/.exec(version) ?? [];
    const [most = 0, least = 0] = OLDEST_GLIBC;
    const newer = Number(major) > most || (Number(major) === most && Number(minor) > least);
    if (major === undefined || newer || libc !== 'glibc') problems.push(`it needs ${version}`);
  }
  if (libc === 'glibc' && versions.length === 0) problems.push('it does not use glibc');
  if (file.includes(root)) problems.push(`it names the folder ${root}`);
  return problems;
}

/** Where a target's binary is. */
export function pathOf(/** @type {string} */ target) {
  return join(root, 'prebuilds', target, 'zerosend.node');
}
