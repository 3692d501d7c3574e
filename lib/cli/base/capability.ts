/** A command that changes what was found. */
export interface Remedy {
  readonly type: string;
  /** what it does, and what it costs */
  readonly what: string;
}

// The ways by which a program of an ordinary user gets a capability. Names are without CAP_.

/** By its file. */
export function bySetcap(name: string, node: string): Remedy {
  return {
    type: `sudo setcap cap_${name.toLowerCase()}+ep ${node}`,
    what: 'gives it to every program that this node runs, whoever starts it, until setcap -r',
  };
}

/**
 * By the container. One is started with capabilities for its root; other users get none.
 * @param user what changes the user to that root, if anything has to
 * @param adds the capability is not among those that its root has anyway
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

/** The same in Kubernetes. */
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

/** By a user namespace, with any capability over a network namespace of its own. */
export function byNamespace(program: string): Remedy {
  return {
    type: `unshare -Urn ${program}`,
    what: 'runs a program with all capabilities over a network of its own, which is empty at first',
  };
}
