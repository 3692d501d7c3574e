// What is typed depends on who types it, and where.
import { describe, expect, it } from 'vitest';
import { toGet, toLock, toSet } from '../../../../lib/cli/doctor/remedies.js';
import { type Machine, statusOf, systemOf } from './machine.js';

const ALL = '000001ffffffffff';
const ORDINARY: Machine = { uid: 1000, files: statusOf('0', ALL) };
const mounts = { '/proc/self/mountinfo': '31 30 0:5 / /proc/sys ro - proc proc rw\n' };
const inDocker = { '/.dockerenv': '' };

describe('a capability', () => {
  const types = (machine: Machine) =>
    toGet('CAP_NET_RAW', systemOf(machine)).map(({ type }) => type);

  it('for a user: a file that has it, or a network of his own', () => {
    expect(types(ORDINARY)).toEqual([
      'sudo setcap cap_net_raw+ep /opt/node/bin/node',
      'unshare -Urn …',
    ]);
  });

  it('no file where it is out of reach', () => {
    expect(types({ uid: 1000, files: statusOf('0', '0') })).toEqual(['unshare -Urn …']);
    const more = 'NoNewPrivs:\t1\nSeccomp:\t0\n';
    expect(types({ uid: 1000, files: statusOf('0', ALL, more) })).toEqual(['unshare -Urn …']);
  });

  it.each([
    [{ files: { ...statusOf('0', '0'), ...inDocker } }, 'docker run --cap-add NET_RAW …'],
    [
      { files: { ...statusOf('0', '0'), '/run/.containerenv': '' } },
      'podman run --cap-add NET_RAW …',
    ],
    [
      { files: statusOf('0', '0'), env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } },
      'securityContext: { capabilities: { add: ["NET_RAW"] } }',
    ],
  ])('in a container, when it is started: %j', (machine, first) => {
    expect(types(machine)[0]).toBe(first);
  });

  it('a user of a container gets none by --cap-add: its root has them', () => {
    const within = { uid: 1000, files: { ...statusOf('0', '0'), ...inDocker } };
    expect(types(within)).toEqual(['docker run --user root --cap-add NET_RAW …', 'unshare -Urn …']);
    const reachable = { uid: 1000, files: { ...statusOf('0', ALL), ...inDocker } };
    expect(types(reachable)).toEqual([
      'sudo setcap cap_net_raw+ep /opt/node/bin/node',
      'docker run --user root …',
      'unshare -Urn …',
    ]);
    const pod = { uid: 1000, files: statusOf('0', '0'), env: { KUBERNETES_SERVICE_HOST: 'x' } };
    expect(types(pod)[0]).toBe(
      'securityContext: { runAsUser: 0, capabilities: { add: ["NET_RAW"] } }',
    );
  });
});

describe('a setting', () => {
  const optmem = '/proc/sys/net/core/optmem_max';
  const remedies = (
    machine: Machine,
    name: 'net.core.optmem_max' | 'vm.nr_hugepages' = 'net.core.optmem_max',
  ) => toSet(name, 64, systemOf(machine));
  const types = (...given: Parameters<typeof remedies>) =>
    remedies(...given).map(({ type }) => type);

  it('by whom may write it, and by root', () => {
    expect(types({ writable: [optmem] })).toEqual(['sysctl -w net.core.optmem_max=64']);
    expect(types(ORDINARY)).toEqual(['sudo sysctl -w net.core.optmem_max=64']);
  });

  it('outside, where it is not of this network namespace', () => {
    const [remedy] = remedies({ without: [optmem] });
    expect(remedy?.type).toBe('sudo sysctl -w net.core.optmem_max=64');
    expect(remedy?.what).toContain('on the machine itself');
  });

  it('of a container whose /proc/sys is read-only, when it is started; memory is of the machine', () => {
    const docker = { files: { ...mounts, ...inDocker } };
    expect(types(docker)).toEqual([
      'docker run --sysctl net.core.optmem_max=64 …',
      'sudo sysctl -w net.core.optmem_max=64',
    ]);
    expect(types(docker, 'vm.nr_hugepages')).toEqual(['sudo sysctl -w vm.nr_hugepages=64']);
    const pod = { files: mounts, env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } };
    expect(types(pod)[0]).toBe(
      'securityContext: { sysctls: [{ name: "net.core.optmem_max", value: "64" }] }',
    );
  });
});

describe('locked memory', () => {
  const types = (machine: Machine) => toLock(systemOf(machine)).map(({ type }) => type);
  const limits = (soft: string, hard: string) => ({
    '/proc/self/limits': `Max locked memory         ${soft}   ${hard}   bytes\n`,
  });

  it('as far as the shell may, and further by root', () => {
    expect(
      types({ ...ORDINARY, files: { ...ORDINARY.files, ...limits('65536', '8388608') } }),
    ).toEqual(['ulimit -l 8192', 'sudo prlimit --memlock=unlimited --pid $$']);
    expect(types({ files: limits('65536', 'unlimited') })[0]).toBe('ulimit -l unlimited');
    expect(types({ files: limits('65536', '65536') })).toEqual([
      'prlimit --memlock=unlimited --pid $$',
    ]);
  });

  it('of a container, when it is started', () => {
    expect(types({ files: { ...limits('65536', '65536'), ...inDocker } })[0]).toBe(
      'docker run --ulimit memlock=-1 …',
    );
  });

  it('root of a user namespace may not', () => {
    const files = { '/proc/self/uid_map': '0 1000 1\n', ...limits('65536', '65536') };
    const [remedy] = toLock(systemOf({ files }));
    expect(remedy).toMatchObject({ type: 'sudo prlimit --memlock=unlimited --pid $$' });
    expect(remedy?.what).toContain('outside');
  });
});
