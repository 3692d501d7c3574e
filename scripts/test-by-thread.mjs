// @ts-check
// npm run test:thread [-- pattern ...]
//
// The suites that open sockets, with sockets that the submission thread serves (submit: 'thread').
// Tests of what must differ are skipped, and name their row of docs/submission-thread.md.
import { Tally } from './support/tally.mjs';
import { vitestTests } from './support/vitest-tests.mjs';

process.env.ZEROSEND_TEST_SUBMIT = 'thread';
const patterns = process.argv.slice(2);
const tally = new Tally();
// Those of the command, of examples, documents and benchmarks are left out: they start programs, which
// open sockets as they like.
const behaviour = ['generator', 'input', 'interfaces', 'lifecycle', 'sending', 'watching'];
const all = [
  ...behaviour.map((folder) => `test/behaviour/${folder}`),
  'test/faults',
  'test/truth',
  'test/native/stress',
];
tally.add(await vitestTests(patterns.length > 0 ? patterns : all));
tally.finish();
