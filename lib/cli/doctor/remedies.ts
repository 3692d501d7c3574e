import type { Remedy } from './finding.js';
import type { Container } from './system/container.js';
import type { Capability } from './system/privileges.js';
import type { Changed, Setting } from './system/settings.js';
import type { System } from './system/system.js';

/** What has to stand before a command that takes root. */
export function sudo({ privileges }: Pick<System, 'privileges'>): string {
  return privileges.uid === 0 ? '' : 'sudo ';
}

type Subject = Pick<System, 'container' | 'privileges' | 'settings' | 'node' | 'limits'>;

/** How this process, as it stands, can get a capability. The first way is the one to try first. */
export function toGet(capability: Capability, system: Subject): Remedy[] {
  const { privileges, container, node } = system;
  const short = capability.replace('CAP_', '');
  const reachable = privileges.bounding?.includes(capability) !== false;
  const remedies: Remedy[] = [];
  if (privileges.uid !== 0 && reachable && !privileges.noNewPrivileges) {
    remedies.push({
      type: `sudo setcap ${capability.toLowerCase()}+ep ${node.path}`,
      what: 'gives it to every program that this node runs, whoever starts it',
    });
  }
  if (container) remedies.push(inContainer(container.kind, short, privileges.uid === 0, reachable));
  remedies.push({
    type: 'unshare -Urn …',
    what: 'runs a program with all capabilities over a network of its own, which is empty at first',
  });
  return remedies;
}

/**
 * How a container is started so that its program has a capability. Those that are added are of its root;
 * other users get none.
 */
function inContainer(
  kind: Container['kind'],
  name: string,
  isRoot: boolean,
  reachable: boolean,
): Remedy {
  const adds = isRoot || !reachable;
  if (kind === 'kubernetes') {
    const user = isRoot ? [] : ['runAsUser: 0'];
    const capabilities = adds ? [`capabilities: { add: ["${name}"] }`] : [];
    return {
      type: `securityContext: { ${[...user, ...capabilities].join(', ')} }`,
      what: "in the container's entry of the pod",
    };
  }
  const tool = kind === 'podman' ? 'podman' : 'docker';
  const options = [...(isRoot ? [] : ['--user root']), ...(adds ? [`--cap-add ${name}`] : [])];
  return {
    type: `${tool} run ${options.join(' ')} …`,
    what: isRoot
      ? 'starts the container anew with the capability'
      : 'starts the container anew, with the capability, which only its root has',
  };
}

/** How a setting of the kernel is changed from here. */
export function toSet(name: Setting, value: number, system: Subject): Remedy[] {
  const { container, settings } = system;
  const changed = settings[name];
  const type = `sysctl -w ${name}=${value}`;
  if (changed === 'here') return [{ type, what: 'holds until the next boot' }];
  if (changed === 'by-root' && !system.privileges.inUserNamespace) {
    return [{ type: `sudo ${type}`, what: 'holds until the next boot' }];
  }
  const outside = { type: `sudo ${type}`, what: `on the machine itself: ${WHY_OUTSIDE[changed]}` };
  // Only what a network namespace has of its own can be set when a container is started.
  if (!container || changed !== 'read-only' || !name.startsWith('net.')) return [outside];
  return [ofContainer(container.kind, name, value), outside];
}

const WHY_OUTSIDE: Readonly<Record<Exclude<Changed, 'here'>, string>> = {
  'by-root': 'root of a user namespace cannot',
  'read-only': '/proc/sys is read-only in here',
  outside: 'it is not of this network namespace',
};

function ofContainer(kind: Container['kind'], name: string, value: number): Remedy {
  if (kind === 'kubernetes') {
    return {
      type: `securityContext: { sysctls: [{ name: "${name}", value: "${value}" }] }`,
      what: 'in the pod, where the kubelet allows it (--allowed-unsafe-sysctls)',
    };
  }
  const tool = kind === 'podman' ? 'podman' : 'docker';
  return {
    type: `${tool} run --sysctl ${name}=${value} …`,
    what: 'sets it for the container alone',
  };
}

/** How more memory can be locked. */
export function toLock(system: Subject): Remedy[] {
  const { container, limits } = system;
  const { memlock = 0, memlockHard = 0 } = limits;
  const remedies: Remedy[] = [];
  if (memlockHard > memlock) {
    const most = memlockHard === Number.POSITIVE_INFINITY ? 'unlimited' : memlockHard / 1024;
    remedies.push({ type: `ulimit -l ${most}`, what: 'in this shell, before the program' });
  }
  if (container && container.kind !== 'kubernetes') {
    const tool = container.kind === 'podman' ? 'podman' : 'docker';
    remedies.push({ type: `${tool} run --ulimit memlock=-1 …`, what: 'lifts it in the container' });
  }
  // Root of a user namespace may not raise it.
  const within = system.privileges.inUserNamespace;
  remedies.push({
    type: `${within ? 'sudo ' : sudo(system)}prlimit --memlock=unlimited --pid $$`,
    what: within
      ? 'in a shell outside, before the namespace is made in it'
      : 'lifts it for this shell; LimitMEMLOCK=infinity does for a service of systemd',
  });
  return remedies;
}
