import { type Attempt, refusalOf } from './attempt.js';
import type { ProbeName } from './list.js';

export interface Answer {
  readonly name: ProbeName;
  readonly attempt: Attempt;
}

/** Tries all at once, and tells of each when it has an answer; of some a better one after the first. */
export async function tryAll(
  names: readonly ProbeName[],
  tell: (answer: Answer) => unknown,
): Promise<void> {
  let tryProbe: (name: ProbeName) => Promise<Attempt>;
  try {
    ({ tryProbe } = await import('./list.js'));
  } catch (error) {
    // The library does not load here.
    for (const name of names) await tell({ name, attempt: { error: refusalOf(error), data: {} } });
    return;
  }
  const attempts: Answer[] = [];
  const one = async (name: ProbeName) => {
    const answer = { name, attempt: await tryProbe(name) };
    attempts.push(answer);
    await tell(answer);
  };
  // Of interfaces there can be thousands, each of which takes a descriptor.
  const ofInterfaces = names.filter((name) => name.includes(':'));
  await Promise.all([
    ...names.filter((name) => !name.includes(':')).map(one),
    ofInterfaces.reduce((before, name) => before.then(() => one(name)), Promise.resolve()),
  ]);
  // Locked memory is counted for all of a user together: alone there may be enough.
  for (const { name, attempt } of attempts) {
    if (ranShort(attempt)) await tell({ name, attempt: await tryProbe(name) });
  }
}

function ranShort({ error, data }: Attempt): boolean {
  return error?.code === 'ENOBUFS' || Number(data.noBuffers ?? 0) > 0;
}
