// @ts-check
// Runs `generateInWorkers` inside a network namespace: the argument says what, stdout what came of
// it, or how it failed.
import { generateInWorkers } from 'zerosend/generator';

const { abortAfter, ...options } = JSON.parse(process.argv[2] ?? '');
/** @type {object[]} */
const progress = [];
try {
  const report = await generateInWorkers({
    ...options,
    ...(abortAfter ? { signal: AbortSignal.timeout(abortAfter) } : {}),
    onProgress: (now, workers) => void progress.push({ ...now, workers: workers.length }),
  });
  console.log(JSON.stringify({ report, progress }));
} catch (error) {
  const { message, code } = /** @type {Error & { code?: string }} */ (error);
  console.log(JSON.stringify({ message, code }));
}
