// The process that tries: what ends it (a seccomp filter, say) does not end the doctor. It answers by a
// pipe, for which read and write do: the channel of child_process.fork needs recvmsg.
import type { ProbeName } from './list.js';
import { tryAll } from './try-all.js';

process.on('SIGINT', () => {}); // a terminal sends it to all; the doctor decides

await tryAll(process.argv.slice(2) as ProbeName[], (answer) => {
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(answer)}\n`, resolve));
});
process.exit();
