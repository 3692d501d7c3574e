// runs: sending on one socket from a start to a report. `session` holds what generating and replaying
// have in common, `run` what generating does.

import { checkGenerate, type GenerateOptions } from './generate-options.js';
import { failedRun, type Generation, startRun } from './generation.js';

/**
 * Sends the packets of a template through a UDP, packet or XDP socket: laid into each buffer once,
 * changed in place, in batches, at a rate or as fast as the socket takes them. A pool that has run
 * dry is waited for. The event loop has its turn every few milliseconds.
 *
 * Until it ends, the buffers of the pool must not be written to by others.
 * What it returns is a promise of the report, and the handle of the run meanwhile ({@link Generation}).
 * @returns when all packets are sent and their ids have completed
 * @throws rejects with TypeError or RangeError on bad options, with Error `ERR_ZEROSEND_BUSY` while
 * another run uses the socket or the pool, and with what `send` throws or what ends the socket; once
 * it runs, with `report`: what was sent until then
 * @example
 * ```js
 * import { PacketSocket } from 'zerosend';
 * import { generate } from 'zerosend/generator';
 *
 * const socket = await PacketSocket.open({ interface: 'zsx0' });
 * const report = await generate({
 *   socket,
 *   template: {
 *     ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
 *     ipv4: { source: '198.18.0.1', destination: '198.18.0.9' },
 *     udp: { source: 1024, destination: 9 },
 *     length: 64,
 *   },
 *   fields: [{ target: 'udp.source', counter: { start: 1024, count: 1000 } }],
 *   rate: 100_000, // packets a second
 *   seconds: 0.5,
 * });
 * console.log(report.packets, report.pacing?.error);
 * await socket.close();
 * ```
 */
export function generate(options: GenerateOptions): Generation {
  try {
    return startRun(checkGenerate(options));
  } catch (error) {
    return failedRun(error);
  }
}
