import type { SocketDescription, TcpDescription } from '../addon/contract.js';
import { systemError } from '../base/errors.js';
import { showAddress } from '../base/inspection.js';
import { clock } from '../base/timers.js';
import { latencyOf } from '../buffers/completion-latency.js';
import { readCounters, readLimits } from './kernel-facts.js';
import type { SocketState } from './state.js';
import type { SocketInfo, SocketStats, TcpInfo } from './stats.js';
import { INLINE } from './submit-mode.js';

export function readStats(state: SocketState): SocketStats {
  if (state.finalStats !== null) return { ...state.finalStats };
  const { inFlight } = state;
  const { low, size, most, times } = inFlight;
  const oldest = size > 0 && times !== null ? times.timeOf(low) : null;
  return {
    ...readCounters(state.handle),
    latency: state.stamps?.summary() ?? {},
    inFlight: size,
    mostInFlight: most,
    oldest: oldest === null ? null : { id: low, age: (clock() - oldest) * 1e6 },
    stalled: state.stalled,
    submit: state.submission?.stats() ?? null,
    completionLatency: times && latencyOf(times.latency),
  };
}

export function readInfo(state: SocketState): SocketInfo {
  const kernel = state.describe();
  const { policy, segmentSize } = state;
  const reason = whyNoZeroCopy(state, kernel);
  const { local, remote } = state.look(kernel);
  return {
    protocol: state.protocol,
    local: local && { ...local },
    remote: remote && { ...remote },
    zeroCopy: {
      mode: policy.mode,
      threshold: Math.min(policy.threshold, Number.MAX_SAFE_INTEGER),
      active: reason === undefined,
      reason,
    },
    submit: state.submission?.info() ?? { ...INLINE },
    sendBufferSize: positive(kernel.sendBufferSize),
    maxPacingRate: positive(kernel.maxPacingRate),
    mtu: positive(kernel.mtu),
    segmentSize,
    ...(segmentSize > 0 && { segmentation: segmentationOf(kernel.splitsSends === true) }),
    maxSendLength: state.maxLength,
    linkDown: kernel.linkDown === true,
    timestamps: describeTimestamps(state, kernel.timestampErrno ?? 0),
    peerClosed: kernel.peerClosed === true,
    tcp: kernel.tcp === undefined ? null : describeTcp(kernel.tcp),
    limits: readLimits(),
    ...state.hooks.details?.(kernel),
  };
}

/** What `console.log` shows of a socket. */
export function readFacts(state: SocketState): object {
  const kernel = state.describe();
  const { interface: name } = state.hooks.details?.(kernel) ?? {};
  return {
    state: state.phase,
    ...(name !== undefined && { interface: name }),
    ...(kernel.local && { local: showAddress(kernel.local) }),
    ...(kernel.remote && { remote: showAddress(kernel.remote) }),
    sends: state.inFlight.next - state.firstId,
    inFlight: state.inFlight.size,
    ...(state.needDrain && { needDrain: true }),
    ...(kernel.linkDown && { linkDown: true }),
    ...(state.error && { error: state.error.code }),
  };
}

function whyNoZeroCopy(state: SocketState, kernel: SocketDescription): string | undefined {
  if (state.policy.mode === 'never') return "the option zeroCopy is 'never'";
  if (state.zeroCopyErrno !== 0) {
    return `setsockopt(SO_ZEROCOPY): ${systemError(state.zeroCopyErrno, 'setsockopt').code}`;
  }
  if (kernel.intercepted) {
    return 'a BPF program takes what is sent (the connection is in a sockmap), and copies it';
  }
  if (kernel.idsUncertain) {
    return 'after a refused datagram the kernel could not be asked for its count of notifications';
  }
  if (state.policy.suspended) return 'the kernel kept copying; sends probe from time to time';
  return undefined;
}

function describeTimestamps(state: SocketState, errno: number): string {
  if (state.stamps === null) return 'off';
  return errno === 0 ? 'on' : `refused: ${systemError(errno, 'setsockopt(SO_TIMESTAMPING)').code}`;
}

function segmentationOf(split: boolean): NonNullable<SocketInfo['segmentation']> {
  const reason =
    'UDP_SEGMENT was answered with EIO: the device makes no checksums, or IPsec transforms the ' +
    'packets. Each datagram is sent by itself; the whole is tried again from time to time';
  return { whole: !split, reason: split ? reason : undefined };
}

function describeTcp(tcp: TcpDescription): TcpInfo {
  return {
    acknowledgedBytes: tcp.acknowledged ?? null,
    notSentBytes: tcp.notSent ?? null,
    roundTripMicroseconds: tcp.roundTrip ?? null,
    roundTripVariationMicroseconds: tcp.roundTripVariation ?? null,
    leastRoundTripMicroseconds: tcp.leastRoundTrip ?? null,
    retransmittedSegments: tcp.retransmitted ?? null,
    unacknowledgedSegments: tcp.unacknowledged ?? null,
    lostSegments: tcp.lost ?? null,
    congestionWindowSegments: tcp.congestionWindow ?? null,
    segmentSizeBytes: tcp.segmentSize ?? null,
    sendWindowBytes: tcp.sendWindow ?? null,
    deliveryBytesPerSecond: tcp.deliveryRate ?? null,
  };
}

/** A value that the kernel has reported, or undefined where it has reported 0 or -1 instead. */
function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}
