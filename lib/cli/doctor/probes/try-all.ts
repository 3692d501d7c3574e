import { type Attempt, refusalOf } from './attempt.js';
import type { ProbeName } from './list.js';

export interface Answer {
  readonly name: ProbeName;
  readonly attempt: Attempt;
}

/**
 * Runs all probes at once, and calls `tell` with each answer. Some get a second, better answer
 * later.
 */
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
  // There can be thousands of interfaces, and each probe takes a descriptor, so they run one after
  // the other.
  const ofInterfaces = names.filter((name) => name.includes(':'));
  await Promise.all([
    ...names.filter((name) => !name.includes(':')).map(one),
    ofInterfaces.reduce((before, name) => before.then(() => one(name)), Promise.resolve()),
  ]);
  // Locked memory is counted for all processes of a user together, so a probe that ran short of it
  // is repeated alone.
  for (const { name, attempt } of attempts) {
    if (ranShort(attempt)) await tell({ name, attempt: await tryProbe(name) });
  }
}

function ranShort({ error, data }: Attempt): boolean {
  return error?.code === 'ENOBUFS' || Number(data.noBuffers ?? 0) > 0;
}
