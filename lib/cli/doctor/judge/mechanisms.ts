import type { Finding } from '../finding.js';
import type { ProbeName } from '../probes/list.js';
import { refused, type Subject, summaryOf, whyRefused } from './subject.js';
import { whyNoRoom } from './zero-copy.js';

/** Findings on what else UDP and TCP sockets can do. */
export function judgeInet(subject: Subject): Finding[] {
  return [judgeSegments(subject), judgePacing(subject), judgeTimestamps(subject)];
}

function judgeSegments(subject: Subject): Finding {
  const frame = { id: 'udp-gso', group: 'mechanisms', title: 'UDP GSO (UDP_SEGMENT)' } as const;
  const attempt = answered(subject, 'udp-gso');
  if (!attempt) return unanswered(frame, subject);
  const { datagrams, segmentSize, whole, reason, how, bytes } = attempt;
  const data = { datagrams, segmentSize, whole, how };
  const arrived = `one send of ${bytes} bytes arrived as ${datagrams} datagrams of ${segmentSize}`;
  if (whole === true) return { ...frame, verdict: 'works', summary: arrived, data };
  return {
    ...frame,
    verdict: 'limited',
    summary: 'the kernel refuses to cut; each datagram is sent by itself',
    means: String(reason),
    data,
  };
}

function judgePacing(subject: Subject): Finding {
  const frame = {
    id: 'tcp-pacing',
    group: 'mechanisms',
    title: 'pacing (SO_MAX_PACING_RATE)',
  } as const;
  const attempt = answered(subject, 'tcp-pacing');
  if (!attempt) return unanswered(frame, subject);
  const { asked, granted } = attempt;
  if (granted === asked) {
    const summary = 'TCP keeps a rate; for UDP the queueing discipline decides: see the interfaces';
    return { ...frame, verdict: 'works', summary, data: { asked, granted } };
  }
  return {
    ...frame,
    verdict: 'fails',
    summary: `${asked} bytes a second were asked for, the kernel says ${granted ?? 'none'}`,
    means: 'The kernel accepts the option and does not keep it.',
    data: { asked, granted },
  };
}

function judgeTimestamps(subject: Subject): Finding {
  const frame = { id: 'timestamps', group: 'mechanisms', title: 'transmit timestamps' } as const;
  const attempt = answered(subject, 'timestamps');
  if (!attempt) return unanswered(frame, subject);
  const { option, stage, latency } = attempt;
  if (option === 'on') {
    const summary = `in software: '${stage}' ${Math.round(Number(latency) / 1000)} µs after the send`;
    return { ...frame, verdict: 'works', summary, data: { stage, latency } };
  }
  const code = /: (E[A-Z]+)$/.exec(String(option))?.[1] ?? 'UNKNOWN';
  const error = { code, syscall: 'setsockopt(SO_TIMESTAMPING)', message: String(option) };
  return {
    ...frame,
    verdict: 'fails',
    summary: summaryOf(error),
    error,
    ...whyRefused(error, subject),
  };
}

/** The answer of a probe; undefined where there is none. */
function answered(subject: Subject, name: ProbeName) {
  const attempt = subject.attempts[name];
  return attempt && !attempt.error && !attempt.signal ? attempt.data : undefined;
}

function unanswered(frame: Pick<Finding, 'id' | 'group' | 'title'>, subject: Subject): Finding {
  const attempt = subject.attempts[frame.id as ProbeName];
  const found = refused(frame, attempt, subject);
  if (attempt?.error?.code === 'ENOBUFS') return { ...found, ...whyNoRoom(attempt.data, subject) };
  const loopback = subject.devices?.find((device) => device.loopback);
  return loopback?.up === false ? { ...found, verdict: 'untried' } : found;
}
