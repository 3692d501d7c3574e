// The process that runs probes, so that a seccomp filter which ends it does not end the doctor. It
// answers by a pipe, which needs only read and write: the channel of child_process.fork needs
// recvmsg.
import { leaveSignalsToParent } from '../../base/interrupt.js';
import type { ProbeName } from './list.js';
import { tryAll } from './try-all.js';

leaveSignalsToParent();

await tryAll(process.argv.slice(2) as ProbeName[], (answer) => {
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(answer)}\n`, resolve));
});
process.exit();
