import { version } from '../../base/version.js';
import type { Finding } from '../finding.js';
import { CAPABILITIES, type Capability } from '../system/privileges.js';
import { isOfLibrary, type Subject, WITHOUT_GVISOR } from './subject.js';

/** Findings on the machine and this process. */
export function judgeSystem(subject: Subject): Finding[] {
  return [
    judgeKernel(subject),
    judgeLibrary(subject),
    judgeContainer(subject),
    judgeProc(subject),
    judgeCapabilities(subject),
    judgeSeccomp(subject),
  ];
}

function judgeKernel({ system }: Subject): Finding {
  const { release, version, machine, gvisor } = system.kernel;
  const frame = { id: 'kernel', group: 'system', title: 'kernel' } as const;
  const node = system.node.version;
  const data = { release, version, machine, gvisor, node };
  const summary = `Linux ${release}, ${machine}; Node.js ${node}`;
  if (!gvisor) return { ...frame, verdict: 'fact', summary, data };
  return {
    ...frame,
    verdict: 'limited',
    summary: `gVisor, which calls itself ${summary}`,
    means:
      "gVisor is a kernel in user space with a network stack of its own. What is below is what it has; the machine's own kernel may have more.",
    remedies: WITHOUT_GVISOR,
    data,
  };
}

function judgeLibrary({ attempts }: Subject): Finding {
  const frame = { id: 'library', group: 'system', title: 'zerosend' } as const;
  const data = { version: version() };
  const error = attempts.interfaces?.error;
  if (error === undefined || !isOfLibrary(error)) {
    return { ...frame, verdict: 'fact', summary: `version ${version()}, native part loaded`, data };
  }
  const summary = `version ${version()}, whose native part does not load: ${error.code}`;
  return { ...frame, verdict: 'fails', summary, means: error.message, error, data };
}

function judgeContainer({ system }: Subject): Finding {
  const { container, privileges } = system;
  const frame = { id: 'container', group: 'system', title: 'container' } as const;
  const user = privileges.inUserNamespace ? '; in a user namespace' : '';
  const data = {
    kind: container?.kind ?? null,
    evidence: container?.evidence ?? [],
    inUserNamespace: privileges.inUserNamespace,
  };
  const summary = container
    ? `${container.kind === 'another' ? 'one' : container.kind} (${container.evidence.join(', ')})${user}`
    : `none that shows${user}`;
  return { ...frame, verdict: 'fact', summary, data };
}

function judgeProc({ system }: Subject): Finding {
  const frame = { id: 'proc', group: 'system', title: '/proc' } as const;
  const { missing, readOnly } = system.proc;
  const data = { missing: missing ?? null, readOnly, settings: system.settings };
  if (missing !== undefined) {
    return {
      ...frame,
      verdict: 'limited',
      summary: `cannot be read: ${missing}`,
      means:
        'Limits, capabilities and taps are not known without it, and plain arrays that a socket gives up cannot be proven to be safe: they are lost (ZEROSEND_MEMORY_LOST).',
      error: { code: missing, syscall: 'open', message: `open ${missing}: /proc/self/status` },
      remedies: [
        { type: 'sudo mount -t proc proc /proc', what: 'in the mount namespace of the program' },
      ],
      data,
    };
  }
  if (!readOnly) return { ...frame, verdict: 'fact', summary: 'is there', data };
  return {
    ...frame,
    verdict: 'fact',
    summary: '/proc/sys is read-only',
    means: 'Settings of the kernel (sysctl) cannot be changed from in here.',
    data,
  };
}

const GOOD_FOR: Readonly<Record<Capability, string>> = {
  CAP_NET_RAW: 'PacketSocket and XdpSocket',
  CAP_NET_ADMIN: 'send buffers beyond net.core.wmem_max for rings; setting up interfaces',
  CAP_IPC_LOCK: 'memory in flight beyond RLIMIT_MEMLOCK',
  CAP_BPF: 'loading BPF programs, which zerosend does not need',
  CAP_SYS_ADMIN: 'nothing that zerosend needs',
};

function judgeCapabilities({ system }: Subject): Finding {
  const { effective, bounding, uid, noNewPrivileges, inUserNamespace } = system.privileges;
  const frame = { id: 'capabilities', group: 'system', title: 'capabilities' } as const;
  const all = Object.keys(CAPABILITIES) as Capability[];
  const data = {
    uid,
    effective: effective ?? null,
    missing: effective ? all.filter((name) => !effective.includes(name)) : null,
    bounding: bounding ?? null,
    noNewPrivileges,
  };
  if (effective === undefined) {
    const summary = `user ${uid}; which ones cannot be read without /proc`;
    return { ...frame, verdict: 'untried', summary, data };
  }
  const has = effective.length === 0 ? 'none that matters here' : effective.join(', ');
  const lacks = (['CAP_NET_RAW', 'CAP_NET_ADMIN', 'CAP_IPC_LOCK'] as const).filter(
    (name) => !effective.includes(name),
  );
  const means = [
    ...(lacks.length === 0
      ? []
      : [`Without ${lacks.map((name) => `${name}: no ${GOOD_FOR[name]}`).join('; without ')}.`]),
    ...(inUserNamespace && effective.length > 0
      ? ['They hold in this user namespace, and for networks that were made in it.']
      : []),
    ...(noNewPrivileges ? ['no_new_privs is set: no program can gain more by being started.'] : []),
  ].join(' ');
  return {
    ...frame,
    verdict: 'fact',
    summary: `user ${uid}: ${has}`,
    ...(means !== '' && { means }),
    data,
  };
}

function judgeSeccomp({ system }: Subject): Finding {
  const frame = { id: 'seccomp', group: 'system', title: 'seccomp' } as const;
  const { seccompFilters } = system.privileges;
  const data = { filters: seccompFilters ?? null };
  if (seccompFilters === undefined) {
    const summary = 'whether there is a filter cannot be read without /proc';
    return { ...frame, verdict: 'untried', summary, data };
  }
  const summary =
    seccompFilters === 0
      ? 'no filter'
      : `${seccompFilters === 1 ? 'a filter decides' : `${seccompFilters} filters decide`} which system calls are allowed`;
  return { ...frame, verdict: 'fact', summary, data };
}
