import { setMaxListeners } from 'node:events';
import { EXIT } from './command.js';

/** Aborted by the first SIGINT or SIGTERM; the second one ends the process at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal); // no limit, since a command may have many things to end
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(EXIT.KILLED);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}

/**
 * Options of a child process of a command: Ctrl-C goes to the whole process group, and so does SIGTERM of `timeout`. They
 * would end a child that has only begun; the parent decides what they mean.
 */
export const APART = { detached: true } as const;

/** For such a child: a service manager sends SIGTERM to it as well. */
export function leaveSignalsToParent(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
}
