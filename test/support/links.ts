import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { canMakeNamespaces, isAlone, needs } from './requirements.js';

// Makes interfaces for tests that have a network namespace of their own (the list ALONE of
// vitest.config.ts).

/** The options of such a suite. */
export const ownLinks = () => needs(isAlone() && canMakeNamespaces(), 'making network namespaces');

/** Runs a command to its end, and returns what it prints. */
export function run(command: string): string {
  const [program = '', ...args] = command.split(' ');
  return execFileSync(program, args, { encoding: 'utf8' });
}

export const ip = (words: string) => run(`ip ${words}`);

let names = 0;

/**
 * A name that no interface has had. An interface with this name is removed when the test has
 * finished.
 */
export function newName(): string {
  const name = `zl${process.pid}-${names++}`;
  onTestFinished(() => {
    try {
      execFileSync('ip', ['link', 'delete', name], { stdio: 'ignore' });
    } catch {} // the test has removed it
  });
  return name;
}

/** An interface that drops every frame in its driver, and has no neighbour. */
export function addSink(name = newName()): string {
  ip(`link add ${name} type ifb`);
  ip(`link set ${name} up`);
  return name;
}

/**
 * Makes two connected interfaces (veth), on which the kernel sends nothing by itself, except where
 * they have IPv6. `options` are those of the first, of `ip link add`.
 */
export function addPair({ name = newName(), options = '', ipv6 = false } = {}) {
  const peer = newName();
  ip(`link add ${name}${options} type veth peer name ${peer}`);
  for (const end of [name, peer]) {
    if (!ipv6) writeFileSync(`/proc/sys/net/ipv6/conf/${end}/disable_ipv6`, '1');
    ip(`link set ${end} up`);
  }
  return { name, peer };
}

type Counts = Record<'packets' | 'bytes' | 'errors' | 'dropped', number>;

/** The counters of an interface. */
export function countsOf(name: string): { rx: Counts; tx: Counts } {
  return JSON.parse(ip(`-s -j link show ${name}`))[0].stats64;
}

/** Collects the warnings of the library from now on, to the end of the test. */
export function warnings(): { code: string; message: string }[] {
  const seen: { code: string; message: string }[] = [];
  const note = ({ name, code, message }: Error & { code?: string }) => {
    if (name === 'ZeroSendWarning') seen.push({ code: code ?? '', message });
  };
  process.on('warning', note);
  onTestFinished(() => void process.off('warning', note));
  return seen;
}
