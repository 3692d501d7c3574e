// @ts-check
// Checks a binary before it is published.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../support/files.mjs';
import { EXPORTED } from './compile.mjs';
import { readElf } from './elf.mjs';

/** The oldest glibc that has to suffice: that of Debian 10, RHEL 8 and Ubuntu 20.04 or older. */
const OLDEST_GLIBC = [2, 28];

// No C++ library may be among these, since it would have to match the system's.
const ALLOWED =
  /^(libc|libm|libpthread|libdl|librt)\.so(\.\d+)?$|^ld-(linux|musl)-[\w-]+\.so\.\d+$/;

/**
 * The problems of the binary of a target; empty without any.
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
