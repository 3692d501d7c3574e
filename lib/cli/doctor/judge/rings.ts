import type { Finding, Refusal } from '../finding.js';
import type { Attempt } from '../probes/attempt.js';
import { toGet, toLock } from '../remedies.js';
import { DENIALS, LOOPBACK_DOWN, refused, type Subject, UNFILTERED } from './subject.js';

type Frame = Pick<Finding, 'id' | 'group' | 'title'>;

/** Findings on the mechanisms that send whole frames, which need a privilege. */
export function judgeRings(subject: Subject): Finding[] {
  return [
    judgeRing(
      { id: 'packet-ring', group: 'mechanisms', title: 'transmit ring (AF_PACKET)' },
      subject.attempts['packet-ring'],
      subject,
    ),
    judgeRing(
      { id: 'af-xdp', group: 'mechanisms', title: 'AF_XDP' },
      subject.attempts['af-xdp'],
      subject,
    ),
  ];
}

function judgeRing(frame: Frame, attempt: Attempt | undefined, subject: Subject): Finding {
  if (!attempt || attempt.error || attempt.signal) return refusedRing(frame, attempt, subject);
  const { how, interface: name, granted, reason, multiFrame, linkDown } = attempt.data;
  const data = { how, ...(granted !== undefined && { granted, multiFrame }) };
  if (linkDown === true) {
    const { means, remedies } = LOOPBACK_DOWN(String(name));
    const summary = 'the ring was granted, but no frame could be sent';
    return { ...frame, verdict: 'untried', summary, means, remedies, data };
  }
  const mode = granted === undefined ? '' : `, in ${granted} mode there: ${reason}`;
  return {
    ...frame,
    verdict: 'works',
    summary: `a frame by '${name}', and its completion${mode}`,
    data,
  };
}

/** The finding for a ring that was refused, of loopback or of one interface. */
export function refusedRing(frame: Frame, attempt: Attempt | undefined, subject: Subject): Finding {
  const { error } = attempt ?? {};
  if (error?.code === 'ENOBUFS' || error?.code === 'ENOMEM') {
    return {
      ...refused(frame, attempt, subject, toLock(subject.system)),
      means: `The memory of the ring is locked: RLIMIT_MEMLOCK is ${subject.system.limits.memlock ?? 'not known'}, and no more fits.`,
    };
  }
  if (error === undefined || !DENIALS.has(error.code)) return refused(frame, attempt, subject);
  const { means, remedies } = whyDenied(error, subject);
  return { ...refused(frame, attempt, subject), means, remedies };
}

/** Explains a missing privilege, or, where the process has it, a denial all the same. */
function whyDenied({ code }: Refusal, subject: Subject): Pick<Finding, 'means' | 'remedies'> {
  const { privileges } = subject.system;
  const remedies = toGet('CAP_NET_RAW', subject.system);
  const needs = 'This needs CAP_NET_RAW';
  if (code === 'ENOSYS' && privileges.seccompFilters) {
    return { means: 'A seccomp filter answers for the kernel.', remedies: UNFILTERED };
  }
  if (privileges.effective === undefined) {
    return { means: `${needs}; whether it is there cannot be read without /proc.`, remedies };
  }
  if (!privileges.effective.includes('CAP_NET_RAW')) {
    const lost =
      privileges.bounding?.includes('CAP_NET_RAW') === false
        ? ', and no program that is started from here can get it (it is not in the bounding set)'
        : privileges.noNewPrivileges
          ? ', and no program that is started from here can get it (no_new_privs is set)'
          : '';
    return { means: `${needs}, which this process has not got${lost}.`, remedies };
  }
  if (privileges.seccompFilters) {
    return {
      means: `${needs}, which this process has: the seccomp filter that it runs under denies it.`,
      remedies: UNFILTERED,
    };
  }
  if (privileges.inUserNamespace) {
    return {
      means:
        `${needs} in the user namespace that owns the network. This process has it in another one, ` +
        'which holds for networks made in there only.',
      remedies: remedies.slice(-1),
    };
  }
  return {
    means: `${needs}, which this process has: a security module (SELinux, AppArmor) denies it.`,
    remedies: [],
  };
}
