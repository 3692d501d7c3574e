// @ts-check
// Child processes that never outlive this one. (If this one is killed, their channel closes, and
// they end by themselves.)

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

/**
 * @template {import('node:child_process').ChildProcess} T
 * @param {T} child @returns {T}
 */
export function keep(child) {
  children.add(child);
  child.once('exit', () => children.delete(child));
  child.once('error', () => children.delete(child));
  return child;
}

/** Resolves when it has ended, whatever it was doing. @param {import('node:child_process').ChildProcess} child */
export function end(child) {
  return new Promise((resolve) => {
    if (!children.has(child)) return resolve(undefined);
    child.once('exit', resolve);
    child.once('error', resolve);
    child.kill('SIGKILL');
  });
}

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
