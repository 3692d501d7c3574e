import { release, version } from 'node:os';
import { type Container, findContainer } from './container.js';
import { FILES, type Files } from './files.js';
import { type Limits, readLimits } from './limits.js';
import { type Privileges, readPrivileges } from './privileges.js';
import { readSettings, type Settings } from './settings.js';
import { readTaps, type Tap } from './taps.js';

/** What can be read of the system without running any probe. */
export interface System {
  readonly kernel: {
    readonly release: string;
    readonly version: string;
    readonly machine: string;
    /** whether the kernel is gVisor, which runs in user space and reports to be Linux */
    readonly gvisor: boolean;
  };
  readonly node: { readonly version: string; readonly path: string };
  readonly proc: {
    /** the error code with which /proc/self/status cannot be read */
    readonly missing: string | undefined;
    /** the settings below /proc/sys cannot be changed in here */
    readonly readOnly: boolean;
  };
  readonly settings: Settings;
  readonly container: Container | undefined;
  readonly privileges: Privileges;
  readonly limits: Limits;
  readonly taps: readonly Tap[] | undefined;
}

/** The version that gVisor always reports (pkg/sentry, LinuxVersion). */
const GVISOR = '#1 SMP Sun Jan 10 15:06:54 PST 2016';

export interface Circumstances {
  readonly files: Files;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly release: string;
  readonly version: string;
}

const HERE = (): Circumstances => ({
  files: FILES,
  env: process.env,
  uid: process.geteuid?.() ?? -1,
  release: release(),
  version: version(),
});

export function readSystem(circumstances: Circumstances = HERE()): System {
  const { files, env, uid } = circumstances;
  const readOnly = isReadOnly(files);
  return {
    kernel: {
      release: circumstances.release,
      version: circumstances.version,
      machine: process.arch,
      gvisor: circumstances.version === GVISOR || circumstances.release.endsWith('-gvisor'),
    },
    node: { version: process.version, path: files.link('/proc/self/exe') ?? process.execPath },
    proc: { missing: files.refusal('/proc/self/status'), readOnly },
    settings: readSettings(files, readOnly),
    container: findContainer(files, env),
    privileges: readPrivileges(files, uid),
    limits: readLimits(files),
    taps: readTaps(files),
  };
}

/** Whether the mount that /proc/sys is on is read-only, as the one that Docker makes there. */
function isReadOnly(files: Files): boolean {
  const mounts = (files.read('/proc/self/mountinfo') ?? '').split('\n').map((line) => {
    const [, , , , place = '', options = ''] = line.split(' ');
    return { place, options: options.split(',') };
  });
  // A mount covers those before it at the same place.
  const over = ['/proc/sys/net', '/proc/sys', '/proc'].flatMap(
    (place) => mounts.filter((mount) => mount.place === place).at(-1) ?? [],
  )[0];
  return over?.options.includes('ro') === true;
}
