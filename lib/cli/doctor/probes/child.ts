// The process that runs probes, so that a seccomp filter which ends it does not end the doctor. It
// answers by a pipe, which needs only read and write: the channel of child_process.fork needs
// recvmsg.
import type { ProbeName } from './list.js';
import { tryAll } from './try-all.js';

// Ctrl-C goes to the whole process group; the doctor decides what it means
process.on('SIGINT', () => {});

await tryAll(process.argv.slice(2) as ProbeName[], (answer) => {
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(answer)}\n`, resolve));
});
process.exit();
