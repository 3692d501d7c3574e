import type { Group, Trial } from './measurements.js';
import type { PlannedGroup } from './plan.js';

/** Where to send. */
export interface Destination {
  /** `'sink'`: a network of its own; `'loopback'`: 127.0.0.1; `'named'`: what the user has named */
  readonly kind: 'sink' | 'loopback' | 'named';
  readonly address?: string | undefined;
  /** undefined: 9 (discard) for UDP, and no TCP */
  readonly port?: number | undefined;
  readonly interface?: string | undefined;
  /** of the next hop, for frames of the ring */
  readonly mac?: string | undefined;
}

/** The arguments of the measuring process, as JSON. */
export interface Assignment {
  readonly destination: Destination;
  readonly quick: boolean;
  readonly seconds: number;
  readonly sizes: readonly number[] | undefined;
  readonly mechanisms: readonly ('udp' | 'tcp' | 'ring')[];
  readonly segment: number;
  /** whether `zeroCopy: 'auto'` is measured, too */
  readonly auto?: boolean;
  /**
   * Command lines of other programs that are measured in turns with the rest. {protocol},
   * {address}, {port}, {size}, {buffers} and {segment} are replaced in them: see program-sender.ts
   */
  readonly programs?: Readonly<Partial<Record<'c' | 'c-copy', readonly string[]>>>;
}

/** The paths that packets took, as text. */
export interface PathDescription {
  readonly kind: Destination['kind'];
  /** where each mechanism that was measured sent to */
  readonly ways: Readonly<Partial<Record<'udp' | 'tcp' | 'ring', string>>>;
  /** what was not measured, and why */
  readonly leftOut: Readonly<Partial<Record<'udp' | 'tcp' | 'ring', string>>>;
  /** circumstances on which the figures depend */
  readonly remarks: readonly string[];
  /** the least number of bytes that cold buffers cover */
  readonly coldBytes: number;
}

export interface PlanSummary {
  readonly rounds: number;
  readonly sliceSeconds: number;
  readonly groups: readonly PlannedGroup[];
}

/** Messages of the measuring process. */
export type FromMeasuring =
  /** There is no such path on this system. Another kind of path may work. */
  | { readonly type: 'unavailable'; readonly reason: string }
  | { readonly type: 'begin'; readonly path: PathDescription; readonly plan: PlanSummary }
  | { readonly type: 'progress'; readonly share: number; readonly what: string }
  | { readonly type: 'group'; readonly group: Group }
  | { readonly type: 'trial'; readonly trial: Trial }
  | { readonly type: 'error'; readonly message: string }
  | { readonly type: 'end' };

/** A message to the receiving process. */
export interface ReceiverRequest {
  /** arguments of ip(8), which it runs in its own namespace */
  readonly commands: readonly (readonly string[])[];
  readonly address: string;
}
export type FromReceiver =
  | { readonly type: 'up' }
  | { readonly type: 'listening'; readonly tcp: number; readonly udp: number }
  | { readonly type: 'error'; readonly message: string };
