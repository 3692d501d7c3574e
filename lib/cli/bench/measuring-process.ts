// The process that measures and sends its results as messages. It is started in the network
// namespace that it measures in, with `--expose-gc`, so that the memory of one group is unmapped
// before that of the next one is filled.

import { leaveSignalsToParent } from '../base/interrupt.js';
import { Measurement } from './measurement.js';
import type { Assignment, FromMeasuring } from './messages.js';
import { bytesBeyondCaches, openPath, PathUnavailable } from './paths.js';

const tell = (message: FromMeasuring) => process.send?.(message);
const stop = new AbortController();

leaveSignalsToParent();
process.on('message', () => stop.abort()); // the only message says to stop
process.on('disconnect', () => process.exit());

async function main(assignment: Assignment): Promise<void> {
  const path = await openPath(assignment.destination, assignment.mechanisms);
  try {
    await new Measurement(assignment, path, bytesBeyondCaches(), tell, stop.signal).run();
  } finally {
    await path.close();
  }
}

main(JSON.parse(process.argv[2] ?? '{}'))
  .then(() => tell({ type: 'end' }))
  .catch((error: Error) => {
    const unavailable = error instanceof PathUnavailable;
    tell(
      unavailable
        ? { type: 'unavailable', reason: error.message }
        : { type: 'error', message: error.message },
    );
  })
  .finally(() => process.disconnect());
