import type { DeviceDescription } from '../../../addon/contract.js';
import type { Remedy } from '../../base/capability.js';
import type { Finding, Refusal } from '../finding.js';
import type { Attempt } from '../probes/attempt.js';
import type { Attempts } from '../probes/run.js';
import type { System } from '../system/system.js';

/** All that findings are made from. Making them runs no probe. */
export interface Subject {
  readonly system: System;
  readonly attempts: Attempts;
  /** undefined where the kernel does not report them */
  readonly devices: readonly DeviceDescription[] | undefined;
}

type Frame = Pick<Finding, 'id' | 'group' | 'title'>;

/** The finding for a probe that was not run before the interruption. */
export const UNANSWERED = { verdict: 'untried', summary: 'interrupted' } as const;

/** The finding for an attempt that got no answer. */
export function refused(
  frame: Frame,
  attempt: Attempt | undefined,
  subject: Subject,
  remedies: readonly Remedy[] = [],
): Finding {
  if (attempt === undefined) return { ...frame, ...UNANSWERED };
  const { signal, error: found = { code: 'UNKNOWN', message: 'no answer' } } = attempt;
  if (signal !== undefined) return killed(frame, signal);
  if (isOfLibrary(found)) {
    const summary = 'the native part of zerosend does not load';
    return { ...frame, verdict: 'untried', summary, error: found };
  }
  const why = whyRefused(found, subject);
  return {
    ...frame,
    verdict: 'fails',
    summary: summaryOf(found),
    error: found,
    means: why?.means,
    remedies: [...remedies, ...(why?.remedies ?? [])],
  };
}

/** Whether an error means that the library does not load, so that nothing could be tried. */
export function isOfLibrary({ code, syscall }: Refusal): boolean {
  return (
    syscall === undefined && (/_NATIVE_|_PLATFORM$/.test(code) || code === 'ERR_DLOPEN_FAILED')
  );
}

export function summaryOf({ code, syscall, message }: Refusal): string {
  return syscall === undefined ? `${code}: ${message}` : `${syscall}: ${code}`;
}

function killed(frame: Frame, signal: string): Finding {
  const filtered = signal === 'SIGSYS';
  return {
    ...frame,
    verdict: 'fails',
    summary: `the process that tried ended by ${signal}`,
    error: { code: signal, message: `ended by ${signal}` },
    means: filtered
      ? 'A seccomp filter ends a process for one of the system calls that this needs.'
      : undefined,
    remedies: filtered ? UNFILTERED : [],
    data: { signal },
  };
}

export const UNFILTERED: readonly Remedy[] = [
  {
    type: 'docker run --security-opt seccomp=unconfined …',
    what: 'runs without the filter, to see whether it is the reason; then allow the one call in a profile',
  },
  { type: 'systemctl cat UNIT', what: 'shows SystemCallFilter= of a service of systemd' },
];

/** Error codes of filters, firewalls and security modules, for calls that need no privilege. */
export const DENIALS = new Set(['EPERM', 'EACCES', 'ENOSYS']);
const ABSENT = new Set(['EAFNOSUPPORT', 'ENOPROTOOPT', 'EPROTONOSUPPORT', 'ESOCKTNOSUPPORT']);

/** Explains why a call failed that needs no privilege, as far as that is known. */
export function whyRefused(
  { code }: Refusal,
  { system, devices }: Subject,
): { means: string; remedies: readonly Remedy[] } | undefined {
  const { privileges, kernel } = system;
  const loopback = devices?.find((device) => device.loopback);
  if (loopback && !loopback.up && (code === 'ENETUNREACH' || code === 'EADDRNOTAVAIL')) {
    return LOOPBACK_DOWN(loopback.name);
  }
  if (kernel.gvisor && (DENIALS.has(code) || ABSENT.has(code) || code === 'ENOTSUP')) {
    return { means: "gVisor's kernel has no such thing.", remedies: WITHOUT_GVISOR };
  }
  if (DENIALS.has(code)) {
    return privileges.seccompFilters
      ? {
          means: `This needs no privilege. The process runs under ${countOf(privileges.seccompFilters)}, which can deny it with such an answer.`,
          remedies: UNFILTERED,
        }
      : {
          means:
            'This needs no privilege: a firewall rule, a cgroup program, or a security module (SELinux, AppArmor) denies it.',
          remedies: [],
        };
  }
  if (ABSENT.has(code)) {
    return { means: 'The kernel is built without it, or its module is not loaded.', remedies: [] };
  }
  return code === 'EBUSY' ? { means: 'Another socket uses it.', remedies: [] } : undefined;
}

export const WITHOUT_GVISOR: readonly Remedy[] = [
  { type: 'docker run --runtime=runc …', what: "runs on Linux's own kernel instead of gVisor's" },
];

export function LOOPBACK_DOWN(name: string) {
  return {
    means: `The loopback interface '${name}' is down, so nothing can be sent here; whether this works is not known.`,
    remedies: [{ type: `ip link set ${name} up`, what: 'sets it up in this network namespace' }],
  };
}

function countOf(filters: number): string {
  return filters === 1 ? 'a seccomp filter' : `${filters} seccomp filters`;
}

/** A number of bytes as people write it. */
export function size(bytes: number): string {
  if (bytes === Number.POSITIVE_INFINITY) return 'unlimited';
  if (bytes >= 2 ** 20) return `${+(bytes / 2 ** 20).toFixed(1)} MiB`;
  return bytes >= 1024 ? `${+(bytes / 1024).toFixed(1)} KiB` : `${bytes} bytes`;
}
