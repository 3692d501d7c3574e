import type { DeviceDescription } from '../../../addon/contract.js';
import type { Remedy } from '../../base/capability.js';
import type { Finding, Refusal } from '../finding.js';
import type { ProbeName } from '../probes/list.js';
import { sudo } from '../remedies.js';
import { copyingOf } from './copying.js';
import { refusedRing } from './rings.js';
import { refused, type Subject, whyRefused } from './subject.js';

/** By IF_OPER_*. */
const OPERSTATES = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'];
/** By XDP_ATTACHED_*. */
const XDP_MODES = ['none', 'driver', 'generic', 'hardware', 'several'];
const SOF_TX_HARDWARE = 1;
const SOF_TX_SOFTWARE = 2;

/** The offloads that are shown; the JSON has all. */
const SHOWN = {
  'tx-scatter-gather': 'scatter-gather',
  'tx-tcp-segmentation': 'TSO',
  'tx-generic-segmentation': 'GSO',
  'tx-udp-segmentation': 'USO',
} as const;

export function judgeInterfaces(subject: Subject, only: string | undefined): Finding[] {
  const { devices, attempts } = subject;
  if (devices === undefined) {
    const frame = { id: 'interfaces', group: 'interfaces', title: 'interfaces' } as const;
    const unknown = refused(frame, attempts.interfaces, subject);
    return [unknown, ...(only === undefined ? [] : judgeRings(only, subject))];
  }
  return devices
    .filter(({ name }) => only === undefined || name === only)
    .flatMap((device) => [
      judgeDevice(device, subject),
      ...(only === undefined ? [] : judgeRings(only, subject)),
    ]);
}

function judgeDevice(device: DeviceDescription, subject: Subject): Finding {
  const { name, mtu, driver, kind, queues, qdisc, features, featuresErrno } = device;
  const copying = copyingOf(device, subject.system);
  const link = linkOf(device, sudo(subject.system));
  const pacing = pacingOf(device, subject);
  const offloads = Object.entries(SHOWN).filter(([feature]) => features[feature]);
  const what = [
    link.text,
    device.loopback ? 'loopback' : kind || driver || 'no driver that tells its name',
    `MTU ${mtu}`,
    `${queues} transmit queue${queues === 1 ? '' : 's'}`,
    `qdisc ${qdisc}${pacing.leaves === qdisc ? '' : ` (${pacing.leaves})`}`,
    featuresErrno === 0
      ? `offloads ${offloads.map(([, shown]) => shown).join(', ') || 'none'}`
      : 'offloads not told',
  ];
  const bad = link.remedies.length > 0 || link.means !== undefined;
  return {
    id: `interface:${name}`,
    group: 'interfaces',
    title: name,
    verdict: bad || (copying.length > 0 && !device.loopback) ? 'limited' : 'fact',
    summary: what.join(', '),
    means: [link.means, ...copying.map(({ text }) => text), pacing.means].filter(Boolean).join(' '),
    error: pacing.error,
    remedies: distinct([
      ...link.remedies,
      ...copying.flatMap(({ remedies }) => remedies),
      ...pacing.remedies,
    ]),
    data: {
      ...{ index: device.index, loopback: device.loopback, driver, kind, mtu, queues },
      ...{ up: device.up, carrier: device.carrier, operstate: OPERSTATES[device.operstate] },
      qdisc,
      leafQdiscs: pacing.leaves,
      udpPacing: pacing.granted,
      xdpProgram: XDP_MODES[device.xdpMode] ?? 'none',
      timestamps: stampingOf(device),
      offloads: featuresErrno === 0 ? features : null,
      copies: copying.map(({ reason }) => reason),
      tapsKnown: subject.system.taps !== undefined,
    },
  };
}

function linkOf(
  { name, up, carrier, operstate }: DeviceDescription,
  asRoot: string,
): {
  text: string;
  means?: string;
  remedies: readonly Remedy[];
} {
  if (!up) {
    const means = 'It is down: frames wait in rings, and no packet is routed by it.';
    const type = `${asRoot}ip link set ${name} up`;
    return { text: 'down', means, remedies: [{ type, what: 'sets it up' }] };
  }
  if (!carrier) {
    const means =
      'It has no carrier: it drops what it is given, and completions come all the same.';
    return { text: `up, no carrier (${OPERSTATES[operstate]})`, means, remedies: [] };
  }
  return { text: 'up', remedies: [] };
}

/** Whether the interface can pace UDP, judged by opening a socket with a rate. */
function pacingOf(device: DeviceDescription, { attempts }: Subject) {
  const attempt = attempts[`udp-pacing:${device.name}`];
  const leaves = String(attempt?.data.qdisc ?? device.qdisc);
  const none = { leaves, means: undefined, error: undefined, remedies: [] as Remedy[] };
  if (attempt === undefined || attempt.signal !== undefined) return { ...none, granted: null };
  const { error } = attempt;
  if (error === undefined) {
    return { ...none, leaves: 'fq', granted: true, means: 'fq keeps the rate of a UDP socket.' };
  }
  const refused = error.code === 'ERR_ZEROSEND_PACING_UNSUPPORTED';
  return { ...none, granted: refused ? false : null, error: refused ? undefined : untold(error) };
}

/**
 * Undefined for errors that only mean that the interface has no address or no route: they say
 * nothing about its queueing discipline.
 */
function untold(error: Refusal): Refusal | undefined {
  const ordinary = ['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'EINVAL', 'ENODEV'];
  return ordinary.includes(error.code) ? undefined : error;
}

function stampingOf({ stamping }: DeviceDescription): string[] {
  return [
    ...((stamping & SOF_TX_SOFTWARE) !== 0 ? ['software'] : []),
    ...((stamping & SOF_TX_HARDWARE) !== 0 ? ['hardware'] : []),
  ];
}

/** What the interface that was asked for grants to sockets with a ring. */
function judgeRings(name: string, subject: Subject): Finding[] {
  return [judgePacket(name, subject), judgeXdp(name, subject)];
}

function judgePacket(name: string, subject: Subject): Finding {
  const title = `${name}: transmit ring`;
  const frame = { id: `interface:${name}:packet-ring`, group: 'interfaces', title } as const;
  const attempt = subject.attempts[`packet:${name}`];
  if (!attempt || attempt.error || attempt.signal) return refusedRing(frame, attempt, subject);
  const { maxSendLength } = attempt.data;
  const summary = `granted, for frames of up to ${maxSendLength} bytes; nothing was sent`;
  return { ...frame, verdict: 'works', summary, data: { maxSendLength } };
}

interface Granted {
  readonly granted: boolean;
  readonly error?: Refusal;
}

function judgeXdp(name: string, subject: Subject): Finding {
  const title = `${name}: AF_XDP`;
  const frame = { id: `interface:${name}:af-xdp`, group: 'interfaces', title } as const;
  const probe: ProbeName = `xdp:${name}`;
  const attempt = subject.attempts[probe];
  if (!attempt || attempt.error || attempt.signal) return refusedRing(frame, attempt, subject);
  const { copy, zerocopy } = attempt.data as { copy: Granted; zerocopy: Granted };
  const data = { queue: 0, copy: copy.granted, zerocopy: zerocopy.granted };
  if (zerocopy.granted) {
    const summary = 'zero-copy mode is granted on queue 0; nothing was sent';
    return { ...frame, verdict: 'works', summary, data };
  }
  const { error = { code: 'UNKNOWN', message: 'no answer' } } = zerocopy;
  if (!copy.granted) {
    return refusedRing(frame, { error: copy.error ?? error, data: {} }, subject);
  }
  return {
    ...frame,
    verdict: 'limited',
    summary: `copy mode alone is granted on queue 0; zero-copy mode: ${error.code}`,
    means:
      error.code === 'ENOTSUP'
        ? 'Its driver has no zero copy for AF_XDP. The kernel copies each frame once.'
        : (whyRefused(error, subject)?.means ?? error.message),
    error,
    data,
  };
}

function distinct(remedies: readonly Remedy[]): Remedy[] {
  return [...new Map(remedies.map((remedy) => [remedy.type, remedy])).values()];
}
