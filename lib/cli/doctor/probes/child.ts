// The process that tries: what ends it (a seccomp filter, say) does not end the doctor.
import { type Attempt, refusalOf } from './attempt.js';
import type { ProbeName } from './list.js';

/** What the parent is told, one message for each probe. */
export interface Answer {
  readonly name: ProbeName;
  readonly attempt: Attempt;
}

process.on('message', async (names: readonly ProbeName[]) => {
  const tell = (answer: Answer) => new Promise((resolve) => process.send?.(answer, resolve));
  try {
    const { tryProbe } = await import('./list.js');
    const attempts = await Promise.all(
      names.map(async (name) => {
        const attempt = await tryProbe(name);
        await tell({ name, attempt });
        return { name, attempt };
      }),
    );
    // Locked memory is counted for all of a user together: alone there may be enough.
    for (const { name, attempt } of attempts) {
      if (ranShort(attempt)) await tell({ name, attempt: await tryProbe(name) });
    }
  } catch (error) {
    // The library does not load here.
    for (const name of names) await tell({ name, attempt: { error: refusalOf(error), data: {} } });
  }
  process.exit();
});

function ranShort({ error, data }: Attempt): boolean {
  return error?.code === 'ENOBUFS' || Number(data.noBuffers ?? 0) > 0;
}
