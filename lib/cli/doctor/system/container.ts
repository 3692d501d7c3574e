import type { Files } from './files.js';

export interface Container {
  readonly kind: 'docker' | 'podman' | 'kubernetes' | 'lxc' | 'systemd-nspawn' | 'another';
  /** the signs by which it was recognized */
  readonly evidence: readonly string[];
}

/**
 * The signs of each kind of container. Kubernetes comes first, since its pods run in one of the
 * others.
 */
const HINTS: readonly (readonly [
  Container['kind'],
  hint: (files: Files, env: Env) => string | false,
])[] = [
  ['kubernetes', (_, env) => Boolean(env.KUBERNETES_SERVICE_HOST) && 'KUBERNETES_SERVICE_HOST'],
  ['kubernetes', (files) => inCgroup(files, 'kubepods')],
  ['podman', (files) => files.exists('/run/.containerenv') && '/run/.containerenv'],
  ['podman', (files) => inCgroup(files, 'libpod')],
  ['docker', (files) => files.exists('/.dockerenv') && '/.dockerenv'],
  ['docker', (files) => inCgroup(files, 'docker')],
  ['lxc', (files) => inCgroup(files, 'lxc')],
  ['lxc', (_, env) => env.container === 'lxc' && 'container=lxc'],
  ['systemd-nspawn', (_, env) => env.container === 'systemd-nspawn' && 'container=systemd-nspawn'],
  ['podman', (_, env) => env.container === 'podman' && 'container=podman'],
  [
    'another',
    (files) => /\S/.test(files.read('/run/systemd/container') ?? '') && '/run/systemd/container',
  ],
  ['another', (_, env) => Boolean(env.container) && `container=${env.container}`],
];

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The container that this process runs in. Undefined where there is no sign of one, which is no
 * proof that there is none.
 */
export function findContainer(files: Files, env: Env): Container | undefined {
  const found = HINTS.flatMap(([kind, hint]) => {
    const evidence = hint(files, env);
    return evidence === false ? [] : [{ kind, evidence }];
  });
  const [first] = found;
  return first && { kind: first.kind, evidence: found.map(({ evidence }) => evidence) };
}

function inCgroup(files: Files, word: string): string | false {
  const path = ['/proc/self/cgroup', '/proc/1/cgroup'].find((file) =>
    new RegExp(`[/:-]${word}[/.-]`).test(`${files.read(file) ?? ''}/`),
  );
  return path !== undefined && `'${word}' in ${path}`;
}
