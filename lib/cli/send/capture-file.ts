import { writeCapture } from '../../generator/index.js';
import { EXIT, type ExitCode, type Invocation } from '../base/command.js';
import { unavailable } from '../base/failures.js';
import { count } from '../base/format.js';
import { Monitor } from '../live/monitor.js';
import type { Reading, Target } from '../live/snapshot.js';
import { showRun } from '../live/table.js';
import { watchRun } from '../web/watch.js';
import type { OPTIONS } from './options.js';
import type { Content, Traffic } from './traffic.js';
import { rateOf } from './transmit.js';

/** Milliseconds between two looks at a file that is being written. */
const LOOK = 100;

/** Writes the packets that would be sent to a capture, at the times at which they would be. */
export async function writeFile(
  invocation: Invocation<typeof OPTIONS>,
  { content }: Traffic,
  file: string,
  { target, size }: { target: Target; size: string },
): Promise<ExitCode> {
  const { options, json, signal } = invocation;
  // What is written to standard output is the capture, and nothing else.
  const terminal = file === '-' ? invocation.terminal.onStandardError() : invocation.terminal;
  const monitor = new Monitor({ ...target, seconds: null });
  await using _page = await watchRun(monitor, options, terminal);
  const progress = terminal.progress(json);
  showRun(monitor, terminal, progress);
  const began = performance.now();
  const rate = rateOf(options);
  const { count: most, seconds, first } = options;
  const timed = rate !== undefined && seconds !== undefined;
  try {
    const written = await writeCapture({
      file,
      ...(content as Exclude<Content, { streams: unknown }>), // which are refused before
      first,
      ...(most !== undefined && { count: most }),
      ...(rate !== undefined && { rate }),
      ...(timed && { seconds }),
      signal,
      onProgress: (so) => monitor.look(() => readingOf(so, performance.now() - began)),
      progressInterval: LOOK,
    });
    monitor.end(readingOf(written, performance.now() - began));
    const { ended, frames, bytes, packets } = written;
    const interrupted = ended === 'signal';
    if (json) {
      const result = { packets, frames, bytes, seconds: written.seconds };
      const { target: what } = monitor;
      terminal.printJson({ command: 'send', ok: true, interrupted, target: what, file, ...result });
    } else {
      // Segments are shorter than the packets that they are cut from.
      const each = frames === packets ? size : `${count(Math.round(bytes / frames))} bytes`;
      terminal.print(
        `wrote ${count(frames)} frames of ${each}, ` +
          `${written.seconds.toFixed(2)} s of them, to ${file === '-' ? 'standard output' : file}`,
      );
      if (interrupted) terminal.print('Ended early, by a signal.');
    }
    return EXIT.OK;
  } catch (error) {
    progress.clear();
    const code = unavailable(error, { terminal, json }, 'send', null);
    // With a report it has begun: the disk is full, or the reader has gone.
    return 'report' in (error as Error) ? EXIT.FAILED : code;
  }
}

/** The reading for the live view while a file is written: there are no ids, and no pool. */
function readingOf({ packets, bytes }: { packets: number; bytes: number }, ms: number): Reading {
  const nothing = { outcomes: null, latency: null, pool: null, interfaceDropped: null };
  return {
    seconds: ms / 1e3,
    packets,
    bytes,
    sends: 0,
    inFlight: 0,
    rateError: null,
    parts: null,
    ...nothing,
  };
}
