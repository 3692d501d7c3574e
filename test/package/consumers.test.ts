// The packed file as programs use it: from modules and from CommonJS, typed, and bundled.
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { packed, root } from './support/packed.js';
import { Project } from './support/project.js';
import { run } from './support/run.js';
import { registryTool } from './support/tools.js';

vi.setConfig({ testTimeout: 1_800_000, hookTimeout: 1_800_000 });

let project: Project;
beforeEach(async (context) => {
  project = new Project();
  await project.install(await packed(context));
});

const NAMES = `BufferPool, PacketSocket, TcpSocket, UdpSocket, XdpSocket`;

it('require, from CommonJS', async () => {
  project.write({
    'main.cjs': `const { ${NAMES} } = require('zerosend');
      const { generate } = require('zerosend/generator');
      const { version } = require('zerosend/package.json');
      const all = [${NAMES}, generate].every((one) => typeof one === 'function');
      console.log(all, /^\\d+\\.\\d+\\.\\d+/.test(version));`,
  });
  const { stdout, stderr } = await project.node('main.cjs');
  expect(stdout).toBe('true true\n');
  // Node.js 20 tells of every require of a module once, and no other does.
  expect(stderr.replace(/^.*ExperimentalWarning: .*ES Module.*\n.*trace-warnings.*\n/m, '')).toBe(
    '',
  );
});

describe('TypeScript', () => {
  const SOURCE = `
    import { ${NAMES}, type CompletionRange } from 'zerosend';
    import { generate, template } from 'zerosend/generator';
    export async function send(host: string, port: number): Promise<number> {
      const pool = new BufferPool({ bufferSize: 65536, count: 2 });
      const socket = await TcpSocket.connect({ host, port });
      socket.on('complete', ({ first, last, how }: CompletionRange) => console.log(first, last, how));
      // @ts-expect-error
      for await (const { first } of socket.completions()) first satisfies string;
      const id: number = socket.send(await pool.acquire(), 65536);
      const { ids } = await socket.close();
      return ids + id;
    }
    export { generate, template, PacketSocket, UdpSocket, XdpSocket };
    // @ts-expect-error what is wrong is found
    export const wrong: string = send('host', 1);
  `;
  const SETTINGS = { strict: true, noEmit: true, target: 'es2022', types: ['node'] };
  const RESOLUTIONS = {
    node16: { module: 'node16' },
    nodenext: { module: 'nodenext' },
    bundler: { module: 'esnext', moduleResolution: 'bundler' },
  };

  // The first is the oldest for which the types are: before it, `completions()` is `any` without a word.
  it.for(['5.6.3', '5.9.3', '7.0.2'])('%s', async (version, context) => {
    const tsc = join(await registryTool(context, 'typescript', version), 'bin/tsc');
    provideNodeTypes();
    project.write({ 'main.mts': SOURCE, 'main.cts': SOURCE });
    for (const [name, resolution] of Object.entries(RESOLUTIONS)) {
      // A bundler has only modules.
      const files = name === 'bundler' ? ['main.mts'] : ['main.mts', 'main.cts'];
      const settings = { compilerOptions: { ...SETTINGS, ...resolution }, files };
      project.write({ 'tsconfig.json': JSON.stringify(settings) });
      const args = [tsc, '--pretty', 'false'];
      const { stdout } = await run(process.execPath, args, { cwd: project.folder });
      const errors = stdout.split('\n').filter((line) => line.includes('error TS'));
      // In node16, and before 5.8 in nodenext, TypeScript knows no require of a module; Node.js has it from
      // 20.19 on.
      const required = /^main\.cts\(\d+,\d+\): error TS1479: /;
      const isUnknown = name === 'node16' || (name === 'nodenext' && version === '5.6.3');
      const expected = isUnknown ? errors.filter((line) => required.test(line)) : [];
      expect([name, errors]).toEqual([name, expected]);
      expect(errors).toHaveLength(isUnknown ? 2 : 0);
    }
  });

  /** Those of the checkout, for Node.js 20. */
  function provideNodeTypes(): void {
    project.write({ 'node_modules/@types/README': '' });
    for (const name of ['@types/node', 'undici-types']) {
      symlinkSync(join(root, 'node_modules', name), project.path(`node_modules/${name}`));
    }
  }
});

describe('esbuild', () => {
  const bundle = (format: string, ...more: string[]) => {
    const esbuild = join(root, 'node_modules/esbuild/bin/esbuild');
    const out = `out/${format}/main.${format === 'cjs' ? 'cjs' : 'mjs'}`;
    const options = ['--bundle', '--platform=node', '--log-level=error', `--format=${format}`];
    return project
      .run(esbuild, ['main.mjs', ...options, `--outfile=${out}`, ...more])
      .then(() => out);
  };

  it('with the package external, or with its binary named by ZEROSEND_NATIVE: sends', async () => {
    project.write({ 'main.mjs': "import './sends.mjs';" });
    const native = 'node_modules/zerosend/prebuilds/linux-x64-glibc/zerosend.node';
    for (const [options, env] of [
      [['--external:zerosend'], {}],
      [[], { ZEROSEND_NATIVE: native }],
    ] as const) {
      const out = await bundle('esm', ...options);
      const { stdout } = await project.run(process.execPath, [out], env);
      expect(JSON.parse(stdout).tcp).toMatchObject({ outcome: 'drained', ids: 8, completed: 8 });
    }
  });

  it('bundled into a module or into CommonJS: says so, and what to do', async () => {
    project.write({
      'main.mjs': `import('zerosend').catch(({ code, message, reason }) =>
        console.log(JSON.stringify({ code, message, reason })));`,
    });
    for (const format of ['esm', 'cjs']) {
      const { stdout } = await project.node(await bundle(format));
      const { code, message, reason } = JSON.parse(stdout);
      expect({ code, reason }).toEqual({ code: 'ERR_ZEROSEND_NATIVE_MISSING', reason: 'bundled' });
      expect(message).toContain('a bundler has moved its code away');
      expect(message).toContain('--external:zerosend');
    }
  });
});
