import type { Finding } from '../finding.js';
import { toLock, toSet } from '../remedies.js';
import { type Subject, size, summaryOf, UNANSWERED } from './subject.js';

/**
 * Bytes of net.core.optmem_max that each send in flight takes, unless the kernel can merge it with
 * others.
 */
export const SEND_ROOM = 830;
/**
 * With fewer sends in flight than this, a socket spends more time waiting for completions than
 * sending.
 */
const FEW = 100;
const SEND = 65_536;
/** What a UDP socket asks for (SO_SNDBUF), which the kernel doubles. */
const WANTED_BUFFER = 2 * (4 << 20);

export function judgeLimits(subject: Subject): Finding[] {
  return [
    judgeOptmem(subject),
    judgeMemlock(subject),
    judgeSendBuffer(subject),
    judgeTransparent(subject),
    judgeReserved(subject),
  ];
}

function judgeOptmem({ system }: Subject): Finding {
  const frame = { id: 'optmem-max', group: 'limits', title: 'net.core.optmem_max' } as const;
  const { optmemMax } = system.limits;
  if (optmemMax === undefined) {
    const means = 'It bounds the sends in flight of a socket.';
    return { ...frame, verdict: 'untried', summary: 'is not shown here', means };
  }
  const sends = Math.floor(optmemMax / SEND_ROOM);
  const data = { optmemMax, sendsInFlight: sends };
  const summary = `${size(optmemMax)}: about ${sends} sends in flight for each UDP socket`;
  if (sends >= FEW) return { ...frame, verdict: 'works', summary, data };
  return {
    ...frame,
    verdict: 'limited',
    summary,
    means: 'A socket that has as many in flight waits, or copies, until some have completed.',
    remedies: toSet('net.core.optmem_max', 1_048_576, system),
    data,
  };
}

function judgeMemlock({ system }: Subject): Finding {
  const frame = { id: 'memlock', group: 'limits', title: 'RLIMIT_MEMLOCK' } as const;
  const { limits, privileges } = system;
  const { memlock, lockedByLoops } = limits;
  const exempt = privileges.effective?.includes('CAP_IPC_LOCK') && !privileges.inUserNamespace;
  if (memlock === undefined) {
    const means = 'It bounds the memory in flight of all processes of a user.';
    return { ...frame, verdict: 'untried', summary: 'cannot be read without /proc', means };
  }
  const sends = Math.floor(Math.max(memlock - lockedByLoops, 0) / (SEND + 2 * 4096));
  const data = {
    ...{ memlock: finite(memlock), lockedByLoops, sendsInFlight: finite(sends) },
    exempt: exempt === true,
  };
  if (memlock === Number.POSITIVE_INFINITY || exempt) {
    const why = exempt ? ', which does not bind this process (CAP_IPC_LOCK)' : '';
    return { ...frame, verdict: 'works', summary: `${size(memlock)}${why}`, data };
  }
  const summary = `${size(memlock)}: ${sends} sends of 64 KiB in flight, of all processes of the user together`;
  if (sends >= FEW) return { ...frame, verdict: 'works', summary, data };
  return {
    ...frame,
    verdict: 'limited',
    summary,
    means:
      'Zero copy locks the pages of what is in flight. Beyond the limit sends wait, or are copied.' +
      (lockedByLoops > 0
        ? ` Node.js has locked ${size(lockedByLoops)} itself, for io_uring in its event loops.`
        : '') +
      (privileges.inUserNamespace ? ' CAP_IPC_LOCK of a user namespace does not lift it.' : ''),
    remedies: toLock(system),
    data,
  };
}

/** JSON has no Infinity: null stands for no limit. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function judgeSendBuffer({ system, attempts }: Subject): Finding {
  const frame = { id: 'wmem-max', group: 'limits', title: 'net.core.wmem_max' } as const;
  const attempt = attempts['udp4-zerocopy']?.data ?? {};
  const { wmemMax } = system.limits;
  const granted = Number(attempt.sendBufferSize ?? Number.NaN);
  const data = { wmemMax: wmemMax ?? null, granted: finite(granted) };
  const said = wmemMax === undefined ? 'not shown here' : size(wmemMax);
  if (Number.isNaN(granted)) {
    return { ...frame, verdict: wmemMax === undefined ? 'untried' : 'fact', summary: said, data };
  }
  const summary = `${said}: a UDP socket has got a send buffer of ${size(granted)}`;
  if (granted >= WANTED_BUFFER) return { ...frame, verdict: 'works', summary, data };
  return {
    ...frame,
    verdict: 'limited',
    summary,
    means: `It asks for ${size(WANTED_BUFFER)}. With less, fewer datagrams are in flight at once.`,
    remedies: toSet('net.core.wmem_max', WANTED_BUFFER / 2, system),
    data,
  };
}

function judgeTransparent({ system, attempts }: Subject): Finding {
  const title = 'transparent huge pages';
  const frame = { id: 'transparent-huge-pages', group: 'limits', title } as const;
  const attempt = attempts['transparent-huge-pages'];
  const setting = system.limits.transparentHugePages;
  if (!attempt) return { ...frame, ...UNANSWERED };
  if (attempt.error || attempt.signal) {
    const error = attempt.error ?? { code: attempt.signal ?? '', message: 'ended the process' };
    return { ...frame, verdict: 'untried', summary: summaryOf(error), error };
  }
  const { bytes, hugeBytes, hugePageErrno } = attempt.data;
  const data = { setting: setting ?? null, bytes, hugeBytes, errno: hugePageErrno };
  if (hugeBytes === null) {
    return {
      ...frame,
      verdict: 'untried',
      summary: 'what pools get cannot be read without /proc',
      data,
    };
  }
  const summary = `a pool of ${size(Number(bytes))} has got ${size(Number(hugeBytes))} of them`;
  if (Number(hugeBytes) > 0) return { ...frame, verdict: 'works', summary, data };
  return {
    ...frame,
    verdict: 'limited',
    summary: hugePageErrno ? `madvise(MADV_HUGEPAGE): errno ${hugePageErrno}` : `${summary}`,
    means: 'Large buffers that are not in the cache are sent up to a third faster from huge pages.',
    remedies:
      setting === 'never'
        ? [
            {
              type: 'echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled',
              what: 'gives them to programs that ask, until the next boot',
            },
          ]
        : [],
    data,
  };
}

function judgeReserved({ system, attempts }: Subject): Finding {
  const frame = {
    id: 'reserved-huge-pages',
    group: 'limits',
    title: 'reserved huge pages',
  } as const;
  const attempt = attempts['reserved-huge-pages'];
  const reserved = system.limits.reservedHugePages ?? null;
  const data = { reserved };
  if (!attempt) return { ...frame, ...UNANSWERED, data };
  if (!attempt.error && !attempt.signal) {
    const summary = `${reserved ?? 'some'} of 2 MiB; a pool has got one`;
    return { ...frame, verdict: 'works', summary, data };
  }
  const error = attempt.error ?? { code: attempt.signal ?? '', message: 'ended the process' };
  return {
    ...frame,
    verdict: 'fact',
    summary: reserved === 0 ? 'none' : `${reserved ?? 'not known how many'}; a pool has got none`,
    means: "Only pools with hugePages: 'explicit' need them.",
    error,
    remedies: toSet('vm.nr_hugepages', 64, system),
    data,
  };
}
