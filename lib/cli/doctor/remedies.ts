import type { Remedy } from './finding.js';
import type { Capability } from './system/privileges.js';
import type { System } from './system/system.js';

type Subject = Pick<System, 'container' | 'privileges' | 'proc' | 'node' | 'limits'>;

/** How this process, as it stands, can get a capability. The first way is the one to try first. */
export function toGet(capability: Capability, system: Subject): Remedy[] {
  const { privileges, container, node } = system;
  const short = capability.replace('CAP_', '');
  const reachable = privileges.bounding?.includes(capability) !== false;
  const remedies: Remedy[] = [];
  if (container?.kind === 'kubernetes') {
    remedies.push({
      type: `securityContext: { capabilities: { add: ["${short}"] } }`,
      what: "in the container's entry of the pod",
    });
  } else if (container) {
    const tool = container.kind === 'podman' ? 'podman' : 'docker';
    remedies.push({
      type: `${tool} run --cap-add ${short} …`,
      what: 'starts the container anew with the capability',
    });
  }
  if (privileges.uid !== 0 && reachable && !privileges.noNewPrivileges) {
    remedies.push({
      type: `sudo setcap ${capability.toLowerCase()}+ep ${node.path}`,
      what: 'gives it to every program that this node runs, whoever starts it',
    });
  }
  remedies.push({
    type: 'unshare -Urn …',
    what: 'runs a program with all capabilities over a network of its own, which is empty at first',
  });
  return remedies;
}

/** How a setting of the kernel is changed from here. */
export function toSet(name: string, value: number, system: Subject): Remedy[] {
  const { container, proc, privileges } = system;
  const sudo = privileges.uid === 0 && !privileges.inUserNamespace ? '' : 'sudo ';
  if (proc.settings === 'writable') {
    return [{ type: `${sudo}sysctl -w ${name}=${value}`, what: 'holds until the next boot' }];
  }
  if (container?.kind === 'kubernetes') {
    return [
      {
        type: `securityContext: { sysctls: [{ name: "${name}", value: "${value}" }] }`,
        what: 'in the pod, where the kubelet allows it (--allowed-unsafe-sysctls)',
      },
    ];
  }
  const tool = container?.kind === 'podman' ? 'podman' : 'docker';
  const onHost = {
    type: `sudo sysctl -w ${name}=${value}`,
    what: 'on the host: /proc/sys cannot be written in here',
  };
  if (!container) return [onHost];
  return [
    { type: `${tool} run --sysctl ${name}=${value} …`, what: 'sets it for the container alone' },
    onHost,
  ];
}

/** How more memory can be locked. */
export function toLock(system: Subject): Remedy[] {
  const { container, privileges, limits } = system;
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
  const sudo = privileges.uid === 0 && !privileges.inUserNamespace ? '' : 'sudo ';
  remedies.push({
    type: `${sudo}prlimit --memlock=unlimited --pid $$`,
    what: 'lifts it for this shell; LimitMEMLOCK=infinity does for a service of systemd',
  });
  return remedies;
}
