// Machines that a test makes up: files that say what they are, and attempts that have ended somehow.
import type { DeviceDescription } from '../../../../lib/addon/contract.js';
import type { Subject } from '../../../../lib/cli/doctor/judge/subject.js';
import type { Attempts } from '../../../../lib/cli/doctor/probes/run.js';
import type { Files } from '../../../../lib/cli/doctor/system/files.js';
import { readSystem, type System } from '../../../../lib/cli/doctor/system/system.js';

/** Files by their paths; those in `writable` may be written to. */
export function filesOf(
  texts: Readonly<Record<string, string>>,
  writable: readonly string[] = [],
): Files {
  const paths = Object.keys(texts);
  return {
    read: (path) => texts[path],
    refusal: (path) => (path in texts ? undefined : 'ENOENT'),
    exists: (path) => paths.some((one) => one === path || one.startsWith(`${path}/`)),
    writable: (path) => writable.includes(path),
    mode: (path) => (path in texts ? 0o644 : undefined),
    list: (path) => {
      const below = paths.filter((one) => one.startsWith(`${path}/`));
      return [...new Set(below.map((one) => one.slice(path.length + 1).split('/')[0] as string))];
    },
    link: (path) => texts[path],
  };
}

const ALL = '000001ffffffffff';

/** What an ordinary machine has, for its root. */
export const PLAIN: Readonly<Record<string, string>> = {
  '/proc/self/status': `CapEff:\t${ALL}\nCapBnd:\t${ALL}\nNoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n`,
  '/proc/self/uid_map': '         0          0 4294967295\n',
  '/proc/self/limits':
    'Max locked memory         8388608              16777216             bytes\n',
  '/proc/self/cgroup': '0::/user.slice\n',
  '/proc/self/exe': '/opt/node/bin/node',
  '/proc/self/net/packet': 'sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n',
  '/proc/sys/net/core/optmem_max': '131072\n',
  '/proc/sys/net/core/wmem_max': '212992\n',
  '/proc/sys/vm/nr_hugepages': '0\n',
};

export interface Machine {
  files?: Readonly<Record<string, string>>;
  without?: readonly string[];
  writable?: readonly string[];
  env?: Readonly<Record<string, string>>;
  uid?: number;
  release?: string;
  version?: string;
}

export function systemOf(machine: Machine = {}): System {
  const { files = {}, without = [], writable = [], env = {}, uid = 0 } = machine;
  const texts = Object.fromEntries(
    Object.entries({ ...PLAIN, ...files }).filter(([path]) => !without.includes(path)),
  );
  const { release = '6.12.0', version = '#1 SMP' } = machine;
  return readSystem({ files: filesOf(texts, writable), env, uid, release, version });
}

/** /proc/self/status of a process with these masks of capabilities. */
export function statusOf(
  effective: string,
  bounding: string,
  more = 'NoNewPrivs:\t0\nSeccomp:\t0\n',
) {
  return { '/proc/self/status': `CapEff:\t${effective}\nCapBnd:\t${bounding}\n${more}` };
}

export function deviceOf(about: Partial<DeviceDescription> = {}): DeviceDescription {
  return {
    ...{
      index: 2,
      name: 'eth0',
      up: true,
      carrier: true,
      operstate: 6,
      mtu: 1500,
      loopback: false,
    },
    ...{ kind: '', driver: 'mlx5_core', qdisc: 'mq', queues: 8, xdpMode: 0, stamping: 3 },
    featuresErrno: 0,
    features: { 'tx-scatter-gather': true, 'tx-checksum-ip-generic': true },
    ...about,
  };
}

export function subjectOf(
  attempts: Attempts,
  machine: Machine = {},
  devices: readonly DeviceDescription[] = [deviceOf()],
): Subject {
  return { system: systemOf(machine), attempts, devices };
}
