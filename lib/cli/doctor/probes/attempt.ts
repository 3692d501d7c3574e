import type { CodedError } from '../../../base/errors.js';
import type { Refusal } from '../finding.js';

/** The result of one probe. */
export interface Attempt {
  /** the first error */
  readonly error?: Refusal;
  /** the signal that ended the process of the probe, as a seccomp filter may do */
  readonly signal?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * The time that a probe may take, also on a busy machine: what takes longer does not work. (A
 * socket that cannot read its error queue fails after two seconds.)
 */
export const MOMENT_MS = 8000;

/** Runs a probe. An error that it throws is part of the result. */
export async function attempt(probe: () => Promise<Attempt['data']>): Promise<Attempt> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Attempt>((resolve) => {
    const message = `nothing came of it within ${MOMENT_MS / 1000} seconds`;
    timer = setTimeout(
      () => resolve({ error: { code: 'ETIMEDOUT', message }, data: {} }),
      MOMENT_MS,
    );
  });
  const done = probe().then(
    (data): Attempt => ({ data }),
    (error: unknown): Attempt => ({ error: refusalOf(error), data: {} }),
  );
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}

export function refusalOf(error: unknown): Refusal {
  const { code = 'UNKNOWN', errno, syscall, message } = error as Partial<CodedError>;
  return {
    code,
    ...(typeof errno === 'number' && { errno: Math.abs(errno) }),
    ...(syscall !== undefined && { syscall }),
    message: message ?? String(error),
  };
}
