// Child processes that never outlive this process, and a watchdog that ends a process that hangs.
import type { ChildProcess } from 'node:child_process';
import { Worker } from 'node:worker_threads';

const children = new Set<ChildProcess>();

/**
 * Ends a child when this process ends. (If this one is killed, their channel closes, and the child
 * ends by itself.)
 */
export function keep<T extends ChildProcess>(child: T): T {
  if (children.size === 0) process.once('exit', killAll);
  children.add(child);
  child.once('exit', () => children.delete(child));
  child.once('error', () => children.delete(child));
  return child;
}

function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** Resolves when it has ended, whatever it was doing. */
export function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (!children.has(child)) return resolve();
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
    child.kill('SIGKILL');
  });
}

const WATCHDOG = `
const { workerData: { limit, name } } = require('node:worker_threads');
const { writeSync } = require('node:fs');
setTimeout(() => {
  writeSync(2, '\\n' + name + ' hangs: not at its end after ' + limit + ' s\\n');
  process.kill(process.pid, 'SIGKILL');
}, limit * 1e3);
`;

/**
 * Kills this process if it hangs, even if its main thread never returns to the event loop: a thread
 * of its own waits for that time.
 * @param limit seconds after which the process is killed
 * @param name the name of the process for the message
 */
export function startWatchdog(limit: number, name: string): void {
  new Worker(WATCHDOG, { eval: true, execArgv: [], workerData: { limit, name } }).unref();
}
