/** A command that mends a finding. */
export interface Remedy {
  readonly type: string;
  /** what it does, and what it costs */
  readonly what: string;
}

// The ways by which an ordinary user's program gets a capability. Names of capabilities are given
// without CAP_.

/** By a capability on the file of the program. */
export function bySetcap(name: string, node: string): Remedy {
  return {
    type: `sudo setcap cap_${name.toLowerCase()}+ep ${node}`,
    what: 'gives it to every program that this node runs, whoever starts it, until setcap -r',
  };
}

/**
 * By options of the container. A container is started with capabilities for its root; other users
 * get none.
 * @param user the option that changes the user to that root, if that is needed
 * @param adds whether the capability has to be added to those that its root has by default
 */
export function byContainer(
  tool: 'docker' | 'podman',
  name: string,
  user: boolean,
  adds = true,
): Remedy {
  const options = [...(user ? ['--user root'] : []), ...(adds ? [`--cap-add ${name}`] : [])];
  return {
    type: `${tool} run ${options.join(' ')} …`,
    what: user
      ? 'starts the container anew, with the capability, which only its root has'
      : 'starts the container anew with the capability',
  };
}

/** By the specification of a pod, in Kubernetes. */
export function byPod(name: string, user: boolean, adds = true): Remedy {
  const fields = [
    ...(user ? ['runAsUser: 0'] : []),
    ...(adds ? [`capabilities: { add: ["${name}"] }`] : []),
  ];
  return {
    type: `securityContext: { ${fields.join(', ')} }`,
    what: "in the container's entry of the pod, in Kubernetes",
  };
}

/** By a user namespace, which gives all capabilities over a network namespace of its own. */
export function byNamespace(program: string): Remedy {
  return {
    type: `unshare -Urn ${program}`,
    what: 'runs a program with all capabilities over a network of its own, which is empty at first',
  };
}
