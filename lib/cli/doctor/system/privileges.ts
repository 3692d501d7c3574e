import type { Files } from './files.js';

/** Capabilities that matter here, by their bits (linux/capability.h). */
export const CAPABILITIES = {
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_IPC_LOCK: 14,
  CAP_SYS_ADMIN: 21,
  CAP_BPF: 39,
} as const;
export type Capability = keyof typeof CAPABILITIES;

export interface Privileges {
  readonly uid: number;
  /** undefined where /proc does not say */
  readonly effective: readonly Capability[] | undefined;
  /** the bounding set: what a program can still get when it is started */
  readonly bounding: readonly Capability[] | undefined;
  /** starting a program cannot give it further privileges (prctl(2), PR_SET_NO_NEW_PRIVS) */
  readonly noNewPrivileges: boolean;
  /** the capabilities hold only within a user namespace, not on the machine */
  readonly inUserNamespace: boolean;
  /** the number of seccomp(2) filters; undefined where /proc does not say */
  readonly seccompFilters: number | undefined;
}

export function readPrivileges(files: Files, uid: number): Privileges {
  const status = files.read('/proc/self/status');
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status ?? '')?.[1];
  return {
    uid,
    effective: capabilitiesOf(field('CapEff')),
    bounding: capabilitiesOf(field('CapBnd')),
    noNewPrivileges: field('NoNewPrivs') === '1',
    inUserNamespace: !mapsAll(files.read('/proc/self/uid_map')),
    seccompFilters: filters(field('Seccomp'), field('Seccomp_filters')),
  };
}

function capabilitiesOf(mask: string | undefined): Capability[] | undefined {
  if (mask === undefined) return undefined;
  const bits = BigInt(`0x${mask}`);
  const names = Object.keys(CAPABILITIES) as Capability[];
  return names.filter((name) => ((bits >> BigInt(CAPABILITIES[name])) & 1n) === 1n);
}

/** Whether a map is that of the machine's own user namespace, which maps every user to itself. */
function mapsAll(map: string | undefined): boolean {
  return map === undefined || /^\s*0\s+0\s+4294967295\s*$/.test(map);
}

/**
 * The number of filters: mode 2 means that there are some. Before Linux 5.9 their number is not
 * reported.
 */
function filters(mode: string | undefined, count: string | undefined): number | undefined {
  if (mode === undefined) return undefined;
  return mode === '2' ? Math.max(1, Number(count ?? 1)) : 0;
}
