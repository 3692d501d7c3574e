// @ts-check
// npm run test:package       the tests of the packed file, all of them: also what `npm test` leaves to
//                            this for its time, the binaries for arm64 and what is built from git
//
// Builds the binaries of all targets first. The last line is "N passed, N failed, N skipped".
process.env.ZEROSEND_PACKAGE = 'all';
process.argv.push('test/package');
await import('./test.mjs');
