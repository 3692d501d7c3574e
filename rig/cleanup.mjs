// @ts-check
// Removes rigs on dispose, at exit and on signals. What a killed run has left behind is
// recognized by the process id in its name, and removed by the next run.
import { readdirSync, readFileSync } from 'node:fs';
import { runOn, runOnSync } from './host.mjs';

/** Names are zs<kind><pid>-<n><end>; interfaces have 15 characters at most. */
export const NAME = /^zs[svcx](\d+)-\d+[sr]?$/;
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/** @type {Set<() => void>} */
const teardowns = new Set();

function tearAllDown() {
  for (const teardown of teardowns) teardown();
  teardowns.clear();
}

/** @param {NodeJS.Signals} signal */
function onSignal(signal) {
  tearAllDown();
  for (const name of SIGNALS) process.removeListener(name, onSignal);
  process.removeListener('exit', tearAllDown);
  // Without another listener, the signal has its default effect.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

/**
 * Calls `teardown`, which has to be synchronous, when the process ends before `forget`.
 * @param {() => void} teardown @returns {() => void} forget
 */
export function atEnd(teardown) {
  if (teardowns.size === 0) {
    process.on('exit', tearAllDown);
    for (const name of SIGNALS) process.on(name, onSignal);
  }
  teardowns.add(teardown);
  return () => {
    teardowns.delete(teardown);
    if (teardowns.size > 0) return;
    process.removeListener('exit', tearAllDown);
    for (const name of SIGNALS) process.removeListener(name, onSignal);
  };
}

/**
 * Whether a process runs. A zombie, which has ended and was not waited for yet, does not.
 * @param {number} pid
 */
export function lives(pid) {
  try {
    // "pid (name) state ...", where the name may hold anything.
    const state = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.[0];
    return state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}

/**
 * Ends what still runs inside a namespace of a rig; those are programs that the rig has started.
 * @param {string} pids the output of `ip netns pids`
 */
export function endAll(pids) {
  for (const pid of pids.split('\n').filter(Boolean).map(Number)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {} // it has ended by itself
  }
}

/**
 * @param {import('./host.mjs').Host} host @param {string} name
 */
export function removeNamespaceSync(host, name) {
  endAll(runOnSync(host, ['ip', 'netns', 'pids', name]).stdout ?? '');
  // The interface has the namespace's name. It is deleted first, since the kernel removes a
  // namespace in the background.
  runOnSync(host, ['ip', '-n', name, 'link', 'delete', name]);
  runOnSync(host, ['ip', 'netns', 'delete', name]);
}

/** @param {import('./host.mjs').Host} host @param {string} name */
export async function removeNamespace(host, name) {
  endAll(await runOn(host, ['ip', 'netns', 'pids', name]).catch(() => ''));
  await runOn(host, ['ip', '-n', name, 'link', 'delete', name]).catch(() => {});
  await runOn(host, ['ip', 'netns', 'delete', name]);
}

/** @param {import('./host.mjs').Host} host @returns {Promise<string[]>} */
export async function removeLeftovers(host) {
  // A user namespace is new and ends with its process, so nothing is left behind there.
  if (host.prefix.length > 0) return [];
  /** @type {string[]} */
  let names = [];
  try {
    names = readdirSync('/run/netns');
  } catch {} // no namespace was ever made here
  const removed = [];
  for (const name of names) {
    const pid = NAME.exec(name)?.[1];
    if (pid === undefined || lives(Number(pid))) continue;
    // Another process may be removing it at this moment.
    if (
      await removeNamespace(host, name).then(
        () => true,
        () => false,
      )
    )
      removed.push(name);
  }
  return removed;
}
