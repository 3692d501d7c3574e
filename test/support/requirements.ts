import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext, TestOptions } from 'vitest';
import { whyNoOwnNamespace } from '../../rig/index.mjs';

declare module 'vitest' {
  interface TaskMeta {
    /** Why the test is skipped; `npm test` lists it. */
    skipReason?: string;
  }
}

/**
 * Set by CI, where everything that tests need has to be there, so that nothing is skipped
 * unnoticed.
 */
const requireAll = process.env.ZEROSEND_REQUIRE_ALL === '1';

/**
 * The options of a test or a suite that needs something of the machine:
 *
 *     describe('veth', needs(canMakeNamespaces(), 'making network namespaces'), () => { ... });
 *
 * Where it is missing the tests are skipped, hooks included, and `npm test` lists them with the
 * reason. With ZEROSEND_REQUIRE_ALL=1 it throws instead, which fails the whole file.
 *
 * @param need what is needed, as a noun: "root", "the tool ip"
 */
export function needs(condition: boolean, need: string): TestOptions {
  if (condition) return {};
  const skipReason = `needs ${need}`;
  if (requireAll) throw new Error(`ZEROSEND_REQUIRE_ALL=1: this file ${skipReason}`);
  return { skip: true, meta: { skipReason } };
}

/** The same for what is only known while the test runs. */
export function needsHere(context: TestContext, condition: boolean, need: string): void {
  if (condition) return;
  const skipReason = `needs ${need}`;
  if (requireAll) throw new Error(`ZEROSEND_REQUIRE_ALL=1: this test ${skipReason}`);
  context.task.meta.skipReason = skipReason;
  context.skip(skipReason);
}

/**
 * Whether the tests run as a root that can become other users. Root of a user namespace cannot,
 * since no other user is mapped there (user_namespaces(7)). This says nothing about capabilities.
 */
export function isRoot(): boolean {
  return process.geteuid?.() === 0 && !/^\s*0\s+\d+\s+1\s*$/.test(uidMap());
}

function uidMap(): string {
  try {
    return readFileSync('/proc/self/uid_map', 'utf8');
  } catch {
    return ''; // without /proc
  }
}

/** Whether this file of tests has a network namespace of its own: vitest.config.ts says which have. */
export function isAlone(): boolean {
  return process.env.ZEROSEND_TEST_ALONE === '1';
}

/** Whether a new network namespace can be made, and an interface in it be configured. */
export function canMakeNamespaces(): boolean {
  return whyNoOwnNamespace() === null;
}

/** Whether a program can be found, also in the system folders that are not in every user's PATH. */
export function hasTool(name: string): boolean {
  return findTool(name) !== undefined;
}

/** The path of a program, or undefined. */
export function findTool(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...folders, '/usr/local/sbin', '/usr/sbin', '/sbin']
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
