import type { Group, Trial } from './measurements.js';
import type { PlannedGroup } from './plan.js';

/** Where to send; what is not given is made in a network namespace. */
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

/** What the measuring process is started with, as JSON in its arguments. */
export interface Assignment {
  readonly destination: Destination;
  readonly quick: boolean;
  readonly seconds: number;
  readonly sizes: readonly number[] | undefined;
  readonly mechanisms: readonly ('udp' | 'tcp' | 'ring')[];
  readonly segment: number;
  /** measures what sockets do by themselves as well (`zeroCopy: 'auto'`) */
  readonly auto?: boolean;
  /**
   * Programs that take their turns as well, by their command lines, in which {protocol}, {address}, {port},
   * {size}, {buffers} and {segment} are filled in: see program-sender.ts
   */
  readonly programs?: Readonly<Partial<Record<'c' | 'c-copy', readonly string[]>>>;
}

/** The ways that packets took, for people to read. */
export interface PathDescription {
  readonly kind: Destination['kind'];
  /** where each mechanism that was measured sent to */
  readonly ways: Readonly<Partial<Record<'udp' | 'tcp' | 'ring', string>>>;
  /** what was not measured, and why */
  readonly leftOut: Readonly<Partial<Record<'udp' | 'tcp' | 'ring', string>>>;
  /** what the figures depend on */
  readonly remarks: readonly string[];
  /** bytes that cold buffers cover at least */
  readonly coldBytes: number;
}

export interface PlanSummary {
  readonly rounds: number;
  readonly sliceSeconds: number;
  readonly groups: readonly PlannedGroup[];
}

/** What the measuring process tells. */
export type FromMeasuring =
  /** There is no such path here: another one may do. */
  | { readonly type: 'unavailable'; readonly reason: string }
  | { readonly type: 'begin'; readonly path: PathDescription; readonly plan: PlanSummary }
  | { readonly type: 'progress'; readonly share: number; readonly what: string }
  | { readonly type: 'group'; readonly group: Group }
  | { readonly type: 'trial'; readonly trial: Trial }
  | { readonly type: 'error'; readonly message: string }
  | { readonly type: 'end' };

/** What the receiving process is asked for, and answers. */
export interface ReceiverRequest {
  /** arguments of ip(8), which it runs in its own namespace */
  readonly commands: readonly (readonly string[])[];
  readonly address: string;
}
export type FromReceiver =
  | { readonly type: 'up' }
  | { readonly type: 'listening'; readonly tcp: number; readonly udp: number }
  | { readonly type: 'error'; readonly message: string };
