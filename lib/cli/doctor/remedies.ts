import { byContainer, byNamespace, byPod, bySetcap, type Remedy } from '../base/capability.js';
import type { Container } from './system/container.js';
import type { Capability } from './system/privileges.js';
import type { Changed, Setting } from './system/settings.js';
import type { System } from './system/system.js';

/** What has to precede a command that needs root. */
export function sudo({ privileges }: Pick<System, 'privileges'>): string {
  return privileges.uid === 0 ? '' : 'sudo ';
}

type Subject = Pick<System, 'container' | 'privileges' | 'settings' | 'node' | 'limits'>;

/**
 * The ways in which a process like this one can get a capability. The first one is to be tried
 * first.
 */
export function toGet(capability: Capability, system: Subject): Remedy[] {
  const { privileges, container, node } = system;
  const name = capability.replace('CAP_', '');
  const isRoot = privileges.uid === 0;
  const reachable = privileges.bounding?.includes(capability) !== false;
  const adds = isRoot || !reachable;
  const remedies: Remedy[] = [];
  if (!isRoot && reachable && !privileges.noNewPrivileges) {
    remedies.push(bySetcap(name, node.path));
  }
  if (container?.kind === 'kubernetes') remedies.push(byPod(name, !isRoot, adds));
  else if (container) remedies.push(byContainer(toolOf(container.kind), name, !isRoot, adds));
  remedies.push(byNamespace('…'));
  return remedies;
}

function toolOf(kind: Container['kind']): 'docker' | 'podman' {
  return kind === 'podman' ? 'podman' : 'docker';
}

/** How a setting of the kernel can be changed from here. */
export function toSet(name: Setting, value: number, system: Subject): Remedy[] {
  const { container, settings } = system;
  const changed = settings[name];
  const type = `sysctl -w ${name}=${value}`;
  if (changed === 'here') return [{ type, what: 'holds until the next boot' }];
  if (changed === 'by-root' && !system.privileges.inUserNamespace) {
    return [{ type: `sudo ${type}`, what: 'holds until the next boot' }];
  }
  const outside = { type: `sudo ${type}`, what: `on the machine itself: ${WHY_OUTSIDE[changed]}` };
  // Only settings that each network namespace has of its own can be set when a container is
  // started.
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
  return {
    type: `${toolOf(kind)} run --sysctl ${name}=${value} …`,
    what: 'sets it for the container alone',
  };
}

/** How the limit of locked memory can be raised. */
export function toLock(system: Subject): Remedy[] {
  const { container, limits } = system;
  const { memlock = 0, memlockHard = 0 } = limits;
  const remedies: Remedy[] = [];
  if (memlockHard > memlock) {
    const most = memlockHard === Number.POSITIVE_INFINITY ? 'unlimited' : memlockHard / 1024;
    remedies.push({ type: `ulimit -l ${most}`, what: 'in this shell, before the program' });
  }
  if (container && container.kind !== 'kubernetes') {
    const type = `${toolOf(container.kind)} run --ulimit memlock=-1 …`;
    remedies.push({ type, what: 'lifts it in the container' });
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
