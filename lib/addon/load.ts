import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stateError, withOwn } from '../base/errors.js';
import { findBinary, libc, shippedTargets, target } from './binary.js';
import type { Native } from './contract.js';

/** Raised together with the addon's whenever the interface between the two changes. */
const INTERFACE_VERSION = 14;

const BUILD = "'npx zerosend build' builds it here (g++, make and python3 needed)";

/**
 * Loads the native part, or throws an error that says why it cannot be loaded and what to do about
 * that.
 */
export function load(): Native {
  if (process.platform !== 'linux') {
    throw stateError(
      'ERR_ZEROSEND_UNSUPPORTED_PLATFORM',
      `zerosend needs Linux (MSG_ZEROCOPY); this is ${process.platform}`,
    );
  }
  const root = packageFolder();
  const chosen = process.env.ZEROSEND_NATIVE;
  const path = chosen ? resolve(chosen) : root === undefined ? undefined : findBinary(root);
  if (path === undefined) throw notLoaded(notFound(root));
  let native: Native;
  try {
    native = createRequire(path)(path);
  } catch (error) {
    throw codeOf(error) === 'ERR_ZEROSEND_NO_EXTERNAL_BUFFERS'
      ? noExternalBuffers(error)
      : notLoaded(notLoadable(error, path), error);
  }
  if (native?.interfaceVersion !== INTERFACE_VERSION) {
    throw stateError(
      'ERR_ZEROSEND_NATIVE_MISMATCH',
      `the native part of zerosend, ${path}, speaks interface ${native?.interfaceVersion}, this ` +
        `version needs ${INTERFACE_VERSION}; 'npx zerosend build' builds the right one`,
    );
  }
  // A file that only claims to have the right version is recognized by its missing constants, in
  // addon.ts.
  return native.claim?.() ?? native;
}

/** The folder of this package, or undefined where a bundler has moved the code out of it. */
function packageFolder(): string | undefined {
  // bundlers that write CommonJS leave `import.meta.url` empty
  const url: string | undefined = import.meta.url;
  if (!url?.startsWith('file:')) return undefined;
  const folder = fileURLToPath(new URL('../..', url));
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return name === 'zerosend' ? folder : undefined;
  } catch (error) {
    // Where the permission model forbids reading package.json, the code is assumed to be in its
    // package.
    return codeOf(error) === 'ERR_ACCESS_DENIED' ? folder : undefined;
  }
}

/**
 * Why the native part is not loaded: the stable `reason` of the error, and a sentence that says
 * what helps.
 */
interface Obstacle {
  readonly reason: 'bundled' | 'permission' | 'no-addons' | 'no-binary' | 'not-loadable';
  readonly message: string;
}

function notFound(root: string | undefined): Obstacle {
  if (root === undefined) {
    return {
      reason: 'bundled',
      message:
        'a bundler has moved its code away from it; keep the package external ' +
        '(esbuild --external:zerosend; externals of webpack and Rollup), or set ZEROSEND_NATIVE ' +
        'to the path of zerosend.node',
    };
  }
  const folder = join(root, 'prebuilds');
  if (!mayRead(folder)) return unreadable(folder);
  const shipped = shippedTargets(root);
  const has = shipped.length > 0 ? `the package has ${shipped.join(', ')}` : 'the package has none';
  const unsure = libc() === undefined ? ' (its C library could not be told)' : '';
  return {
    reason: 'no-binary',
    message: `there is no binary for ${target()}${unsure}: ${has}; ${BUILD}`,
  };
}

function notLoadable(error: unknown, path: string): Obstacle {
  const text = error instanceof Error ? error.message : String(error);
  if (!mayRead(path)) return unreadable(path);
  if (codeOf(error) === 'ERR_DLOPEN_DISABLED') {
    return permission() === undefined
      ? { reason: 'no-addons', message: `Node.js was started with --no-addons: ${text}` }
      : {
          reason: 'permission',
          message: `the permission model forbids addons, which --allow-addons allows: ${text}`,
        };
  }
  const newer = /version [`'](GLIBC(?:XX)?_[\d.]+)' not found/.exec(text)?.[1];
  const why =
    newer === undefined ? '' : `it was built for a system with a newer library (${newer}); `;
  return { reason: 'not-loadable', message: `${why}${BUILD}: ${text}` };
}

function unreadable(path: string): Obstacle {
  return {
    reason: 'permission',
    message: `the permission model forbids reading ${path}, which --allow-fs-read allows`,
  };
}

function notLoaded({ reason, message }: Obstacle, cause?: unknown) {
  const { platform, arch, versions } = process;
  const error = stateError(
    'ERR_ZEROSEND_NATIVE_MISSING',
    `the native part of zerosend does not load on ${platform}-${arch}, Node ${versions.node}; ${message}`,
    cause,
  );
  return withOwn(error, { reason });
}

function noExternalBuffers(cause: unknown) {
  const { electron } = process.versions;
  const engine = electron === undefined ? 'this JavaScript engine' : `Electron ${electron}`;
  return stateError(
    'ERR_ZEROSEND_NO_EXTERNAL_BUFFERS',
    'zerosend sends from memory that JavaScript and the kernel see alike, as external ArrayBuffers: ' +
      `${engine} does not allow them; run what sends in a Node.js process of its own`,
    cause,
  );
}

type Permission = { has(scope: string, path?: string): boolean } | undefined;

function permission(): Permission {
  return (process as { permission?: Permission }).permission;
}

function mayRead(path: string): boolean {
  return permission()?.has('fs.read', path) ?? true;
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code;
}
