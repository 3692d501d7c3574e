import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Libc = 'glibc' | 'musl';

/**
 * The C library of this process, from what is mapped into it: a musl program also runs on a system
 * whose own programs use glibc. Undefined where neither /proc nor Node's report can tell.
 */
export function libc(): Libc | undefined {
  return libcOfMappings() ?? libcOfReport();
}

function libcOfMappings(): Libc | undefined {
  let maps: string;
  try {
    maps = readFileSync('/proc/self/maps', 'utf8');
  } catch {
    return undefined; // /proc is not mounted, or the permission model forbids reading it
  }
  return libcOf(maps.split('\n'));
}

function libcOfReport(): Libc | undefined {
  // Without this, the report looks up the names of all peers that the process is connected to.
  const settings = process.report as { excludeNetwork?: boolean };
  const before = settings.excludeNetwork;
  settings.excludeNetwork = true;
  try {
    const { header, sharedObjects } = process.report.getReport() as unknown as {
      header: { glibcVersionRuntime?: string };
      sharedObjects: string[];
    };
    return header.glibcVersionRuntime === undefined ? libcOf(sharedObjects) : 'glibc';
  } catch {
    return undefined;
  } finally {
    settings.excludeNetwork = before ?? false;
  }
}

/** @param mapped lines that end with the path of a file, or with more after a space */
function libcOf(mapped: readonly string[]): Libc | undefined {
  const has = (name: RegExp) => mapped.some((line) => name.test(line));
  // musl is looked for first, since gcompat, by which programs for glibc run on musl, maps a file
  // named libc.so.6. On a system of glibc, libc.so is a script for the linker and is never mapped.
  if (has(/\/(ld-musl-[^/ ]*|libc\.musl-[^/ ]*|libc\.so)( |$)/)) return 'musl';
  if (has(/\/libc(\.so\.6|-2\.\d+\.so)( |$)/)) return 'glibc';
  return undefined;
}

/** The name of the binary for this process. Where the C library is not known, glibc is assumed. */
export function target(): string {
  return `${process.platform}-${process.arch}-${libc() ?? 'glibc'}`;
}

/**
 * The path of the addon: one that was built here, or else the one that came with the package.
 *
 * @param root the folder of the package
 */
export function findBinary(root: string): string | undefined {
  const places = ['build/Release', 'build/Debug', `prebuilds/${target()}`];
  return places.map((place) => join(root, place, 'zerosend.node')).find(exists);
}

function exists(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false; // Node.js 20 throws what the permission model forbids
  }
}

/** The targets for which the package has a binary. */
export function shippedTargets(root: string): string[] {
  try {
    const names = readdirSync(join(root, 'prebuilds'));
    return names.filter((name) => name.startsWith('linux-')).sort();
  } catch {
    return [];
  }
}
