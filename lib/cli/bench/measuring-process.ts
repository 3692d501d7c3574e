// Measures, and tells what it has measured. Started in the network namespace that it measures in, with
// `--expose-gc`: the memory of one group is unmapped before the next one's is filled.

import { Measurement } from './measurement.js';
import type { Assignment, FromMeasuring } from './messages.js';
import { bytesBeyondCaches, openPath, PathUnavailable } from './paths.js';

const tell = (message: FromMeasuring) => process.send?.(message);
const stop = new AbortController();

process.on('SIGINT', () => {}); // Ctrl-C goes to the whole group: who started this decides
process.on('message', () => stop.abort()); // there is only one message: come to an end
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
