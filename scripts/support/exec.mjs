// @ts-check
import { spawn, spawnSync } from 'node:child_process';
import { basename } from 'node:path';

/**
 * Runs a program to its end, without a stdin.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string; env?: NodeJS.ProcessEnv; capture?: boolean; complaints?: boolean }} [options]
 *   `capture` collects stdout and stderr in `output` in place of showing them; `complaints` collects
 *   stderr, and shows it all the same.
 * @returns {Promise<{ ok: boolean; status: string; output: string }>} `status` says how it ended.
 */
export function run(command, args, { cwd, env, capture = false, complaints = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: env ?? process.env,
      stdio: ['ignore', capture ? 'pipe' : 'inherit', capture || complaints ? 'pipe' : 'inherit'],
    });
    let output = '';
    if (complaints) child.stderr?.pipe(process.stderr, { end: false });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk) => {
        output += chunk;
      });
    }
    child.on('error', (error) => resolve({ ok: false, status: error.message, output }));
    child.on('close', (code, signal) =>
      resolve({
        ok: code === 0,
        status: signal ? `ended by ${signal}` : `exit code ${code}`,
        output,
      }),
    );
  });
}

/**
 * Runs npm: the one that has started this program, if any, which may not be the first one in PATH.
 *
 * @param {readonly string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 */
export function runNpm(args, options) {
  const cli = process.env.npm_execpath;
  return cli && basename(cli) === 'npm-cli.js'
    ? run(process.execPath, [cli, ...args], options)
    : run('npm', args, options);
}

/**
 * Whether a program can be started.
 *
 * @param {string} command
 */
export function hasProgram(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}
