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
 * For a child process of a command: Ctrl-C goes to the whole process group, and SIGTERM often does (`timeout`, a
 * service manager). The parent decides what they mean.
 */
export function leaveSignalsToParent(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
}
