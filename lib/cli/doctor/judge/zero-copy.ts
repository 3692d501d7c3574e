import type { Finding } from '../finding.js';
import type { Attempt } from '../probes/attempt.js';
import type { ProbeName } from '../probes/list.js';
import { toLock, toSet } from '../remedies.js';
import { SEND_ROOM } from './limits.js';
import { refused, type Subject, whyRefused } from './subject.js';

/** The sockets on which MSG_ZEROCOPY is tried. */
const TRIED = [
  ['tcp4-zerocopy', 'MSG_ZEROCOPY, TCP over IPv4'],
  ['udp4-zerocopy', 'MSG_ZEROCOPY, UDP over IPv4'],
  ['tcp6-zerocopy', 'MSG_ZEROCOPY, TCP over IPv6'],
  ['udp6-zerocopy', 'MSG_ZEROCOPY, UDP over IPv6'],
] as const satisfies readonly (readonly [ProbeName, string])[];

export function judgeZeroCopy(subject: Subject): Finding[] {
  return TRIED.map(([id, title]) => judge({ id, group: 'mechanisms', title }, subject));
}

/** Whether the core of the library works: zero copy on TCP and on UDP, over IPv4 or IPv6. */
export function coreWorks(findings: readonly Finding[]): boolean {
  const works = (id: string) => findings.some((one) => one.id === id && one.verdict === 'works');
  return ['4', '6'].some((v) => works(`tcp${v}-zerocopy`) && works(`udp${v}-zerocopy`));
}

function judge(frame: Pick<Finding, 'id' | 'group' | 'title'>, subject: Subject): Finding {
  const attempt = subject.attempts[frame.id as ProbeName];
  if (attempt === undefined || attempt.error || attempt.signal) {
    return ofFailure(frame, attempt, subject);
  }
  const { data } = attempt;
  const { how, kernelIds, notifications, bytes } = data;
  if (how === 'zerocopy' || how === 'copied') {
    return {
      ...frame,
      verdict: 'works',
      summary:
        how === 'copied'
          ? `${bytes} bytes, and their completion; copied, as loopback always is`
          : `${bytes} bytes, and their completion, without a copy`,
      data: { how, bytes, kernelIds, notifications },
    };
  }
  return ofFallback(frame, data, subject);
}

/** The finding for a send that was refused with MSG_ZEROCOPY, and was copied instead. */
function ofFallback(
  frame: Pick<Finding, 'id' | 'group' | 'title'>,
  data: Attempt['data'],
  subject: Subject,
): Finding {
  const { how, bytes, noBuffers, reason } = data;
  const fallback = { ...frame, verdict: 'fails', data: { how, bytes, noBuffers } } as const;
  if (typeof reason === 'string') {
    const code = /: (E[A-Z]+)$/.exec(reason)?.[1] ?? 'UNKNOWN';
    const error = { code, syscall: 'setsockopt(SO_ZEROCOPY)', message: reason };
    const why = whyRefused(error, subject);
    return { ...fallback, summary: reason, error, means: why?.means, remedies: why?.remedies };
  }
  const error = {
    ...{ code: 'ENOBUFS', errno: 105, syscall: 'sendto' },
    message: 'sendto ENOBUFS: no buffer space available',
  };
  return {
    ...fallback,
    summary: 'sendto: ENOBUFS; sent as a copy',
    error,
    ...whyNoRoom(data, subject),
  };
}

/** Explains ENOBUFS, which two limits answer with. */
export function whyNoRoom(data: Attempt['data'], { system }: Subject) {
  const { memlock, optmemMax } = system.limits;
  const pages = Math.floor(Number(data.bytes) / 4096) + 2;
  if (memlock !== undefined && memlock < pages * 4096) {
    return {
      means:
        `Zero copy locks the pages of what is in flight: ${pages * 4096} bytes for this one. ` +
        `RLIMIT_MEMLOCK is ${memlock}, for all processes of the user together.`,
      remedies: toLock(system),
    };
  }
  if (optmemMax !== undefined && optmemMax < SEND_ROOM) {
    return {
      means: `Each send in flight takes about ${SEND_ROOM} bytes of net.core.optmem_max, which is ${optmemMax}.`,
      remedies: toSet('net.core.optmem_max', 1_048_576, system),
    };
  }
  return {
    means:
      'RLIMIT_MEMLOCK, which is for all processes of the user together, or net.core.optmem_max is used up.',
    remedies: [...toLock(system), ...toSet('net.core.optmem_max', 1_048_576, system)],
  };
}

function ofFailure(
  frame: Pick<Finding, 'id' | 'group' | 'title'>,
  attempt: Attempt | undefined,
  subject: Subject,
): Finding {
  const { code } = attempt?.error ?? {};
  const found = refused(frame, attempt, subject);
  const loopback = subject.devices?.find((device) => device.loopback);
  if (code !== 'ENETUNREACH' && code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') return found;
  if (loopback?.up === false) return { ...found, verdict: 'untried' };
  if (!frame.id.includes('6')) return found;
  return {
    ...found,
    verdict: 'untried',
    means: 'IPv6 is switched off here, so there is nothing to send over.',
    remedies: toSet('net.ipv6.conf.lo.disable_ipv6', 0, subject.system),
  };
}
