import type { PacketOptions, TcpOptions, UdpOptions, XdpOptions } from '../../index.js';
import type { PacketDescription } from '../packets/description.js';
import type { GenerateOptions } from '../runs/generate-options.js';
import type { GenerateReport } from '../runs/generate-report.js';
import type { Progress } from '../runs/meter.js';
import type { MixPart } from '../runs/mix.js';

/** What each worker opens. Worker i of an XDP socket takes queue `queue + i`. */
export type WorkerSocket =
  | {
      /** A UDP socket. */
      udp: UdpOptions;
    }
  | {
      /** A packet socket. */
      packet: Omit<PacketOptions, 'init'>;
    }
  | {
      /** An AF_XDP socket. */
      xdp: Omit<XdpOptions, 'init'>;
    };

/** A connection for each worker: its packets are the sends of a stream. */
export interface StreamSocket {
  tcp: Omit<TcpOptions, 'signal'>;
}

/** What all workers send: packets of one template, or of several. */
export type WorkerPackets = Pick<GenerateOptions, 'fields' | 'mixOrder'> & {
  template?: PacketDescription;
  mix?: readonly (MixPart & { template: PacketDescription })[];
};

/** What a worker is given when its thread starts. */
export interface WorkerJob {
  socket: WorkerSocket | StreamSocket;
  packets: WorkerPackets;
  index: number;
  of: number;
  first: number;
  /** of `generate`, as it is */
  run: Pick<
    GenerateOptions,
    'rate' | 'precision' | 'onError' | 'count' | 'seconds' | 'batch' | 'progressInterval'
  >;
}

/** Messages to a worker. It answers the start by nothing, and a stop by its report. */
export type ToWorker = { type: 'start' /** ms since 1970 */; at: number } | { type: 'stop' };
/** Messages from a worker: `ready` once, then `progress`, and `done` or `failed` at the end. */
export type FromWorker =
  | { type: 'ready' }
  | { type: 'progress'; progress: Progress }
  | { type: 'done'; report: GenerateReport }
  | {
      type: 'failed';
      error: {
        message: string;
        code: string | undefined;
        stack: string | undefined;
        /** what it had sent, where it had begun */
        report: GenerateReport | undefined;
      };
    };
