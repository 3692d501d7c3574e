import type { Progress } from '../runs/meter.js';
import type { WorkerSocket } from '../workers/protocol.js';
import type { ReplayReport } from './replay.js';
import type { ReplayOptions, ReplayServer } from './replay-options.js';
import type { FlowShare } from './share.js';

/** What a worker is given when its thread starts. */
export interface ReplayJob {
  socket: WorkerSocket;
  server: (Omit<ReplayServer, 'socket'> & { socket: WorkerSocket }) | undefined;
  /** a path, or bytes that all threads share */
  capture: string | Uint8Array;
  stream: boolean;
  share: FlowShare;
  options: Omit<ReplayOptions, 'socket' | 'server' | 'capture' | 'signal' | 'onProgress'>;
}

/** Messages to a worker: when to start, in ms since 1970. */
export type ToReplayer = { type: 'start'; at: number } | { type: 'stop' };
/** Messages from a worker: `ready` once, then `progress`, and `done` or `failed` at the end. */
export type FromReplayer =
  | { type: 'ready' }
  | { type: 'progress'; progress: Progress }
  | { type: 'done'; report: ReplayReport }
  | {
      type: 'failed';
      message: string;
      code: string | undefined;
      report: ReplayReport | undefined;
    };
