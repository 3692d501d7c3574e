import { release, version } from 'node:os';
import { type Container, findContainer } from './container.js';
import { FILES, type Files } from './files.js';
import { type Limits, readLimits } from './limits.js';
import { type Privileges, readPrivileges } from './privileges.js';
import { readSettings, type Settings } from './settings.js';
import { readTaps, type Tap } from './taps.js';

/** What the system tells of itself, without anything being tried. */
export interface System {
  readonly kernel: {
    readonly release: string;
    readonly version: string;
    readonly machine: string;
    /** a kernel in user space that answers in Linux's name */
    readonly gvisor: boolean;
  };
  readonly node: { readonly version: string; readonly path: string };
  readonly proc: {
    /** the code with which /proc/self/status cannot be read */
    readonly missing: string | undefined;
    /** nobody can change the settings below /proc/sys in here */
    readonly readOnly: boolean;
  };
  readonly settings: Settings;
  readonly container: Container | undefined;
  readonly privileges: Privileges;
  readonly limits: Limits;
  readonly taps: readonly Tap[] | undefined;
}

/** What gVisor says of itself, whatever machine it runs on (pkg/sentry, LinuxVersion). */
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

/** From the mount that /proc/sys is on: Docker, for one, has one of its own there, which is read-only. */
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
