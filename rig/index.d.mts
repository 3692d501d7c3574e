import type { ChildProcess, SpawnOptions } from 'node:child_process';

export * from './pattern.mjs';
export * from './receiver.mjs';

/**
 * - `sink`: an ifb interface that takes every route and drops what it gets. Completions say
 *   zero-copied; no receiver. Works for ordinary users where user namespaces are allowed.
 * - `veth`: two hosts; the receiving end has a native XDP program, so the kernel really does not
 *   copy, over TCP and UDP, to a real receiver. Root only.
 * - `veth-copy`: the same two hosts without it: completions say copied.
 */
export type RigKind = 'sink' | 'veth' | 'veth-copy';

export interface RigOptions {
  /** A tbf qdisc on the sending end, in units of tc: '100mbit'. burst 128kb, limit 16mb. */
  rate?: string | { rate: string; burst?: string; limit?: string };
  /** Share of the packets, 0 to 1, that a BPF filter on the sending end drops. Root only. */
  loss?: number;
  /** net.core.optmem_max in bytes, in both namespaces. */
  optmem?: number;
  /** Bytes, of both ends; default 1500. */
  mtu?: number;
  /**
   * The sending end is where this process is, and gets no more than the interface: for a program that
   * has a namespace of its own (ownNamespace).
   */
  here?: boolean;
  /** Further sysctls, in both namespaces, such as 'net.ipv4.tcp_wmem': '4096 16384 65536'. */
  sysctls?: Record<string, string | number>;
}

export interface Addresses {
  v4: string;
  v6: string;
}

export interface RigInterface {
  name: string;
  mac: string;
}

export interface Rig {
  readonly kind: RigKind;
  readonly options: RigOptions;
  readonly sender: Namespace;
  /** null in a sink. */
  readonly receiver: Namespace | null;
  readonly senderAddress: Addresses;
  /** In a sink, an address whose packets are dropped. */
  readonly receiverAddress: Addresses;
  readonly senderInterface: RigInterface;
  readonly receiverInterface: RigInterface | null;
  /** Ends the programs inside and removes everything. Also done at exit, SIGINT, SIGTERM, SIGHUP. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface NamespaceSpawnOptions extends SpawnOptions {
  /** Runs as this user id, with no capabilities left. Root only. */
  user?: number;
  /** RLIMIT_MEMLOCK in bytes. */
  memlock?: number;
}

export interface NamespaceRunOptions extends Omit<NamespaceSpawnOptions, 'stdio'> {
  /** Its stdin; default empty. */
  input?: string;
  /** Rejects when the exit code is not 0; default true. */
  check?: boolean;
  /** Milliseconds after which it is ended; default 30000. */
  timeout?: number;
}

export interface RunResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Namespace {
  readonly name: string;
  /** What a command line begins with to run inside, such as `ip netns exec NAME`. */
  readonly prefix: string[];
  /** As child_process.spawn, inside. What still runs at dispose is killed. */
  spawn(command: string, args?: readonly string[], options?: NamespaceSpawnOptions): ChildProcess;
  /** Runs a program to its end. */
  run(command: string, args?: readonly string[], options?: NamespaceRunOptions): Promise<RunResult>;
  /** The value of a sysctl inside, such as 'net.core.optmem_max'. */
  sysctl(name: string): Promise<string>;
}

/**
 * Sets a rig up. The first call of a process removes what killed runs have left behind.
 * @throws {RangeError} an option cannot be
 * @throws {RigUnavailableError} not possible here; `reason` says why
 */
export function createRig(kind: RigKind, options?: RigOptions): Promise<Rig>;

/** Why such a rig cannot be set up here, or null: found by setting it up once. Remembered. */
export function whyRigUnavailable(kind: RigKind, options?: RigOptions): Promise<string | null>;

/** Removes namespaces of rigs whose process no longer lives; returns their names. */
export function cleanLeftovers(): Promise<string[]>;

export class RigUnavailableError extends Error {
  constructor(reason: string);
  readonly code: 'ERR_RIG_UNAVAILABLE';
  readonly reason: string;
}

/**
 * What a command line begins with so that the program after it has a network namespace of its own,
 * which ends with it: made as root where that may be, else in a user namespace. `lines` of `ip` run
 * inside first; createRig works there, except that BPF needs the machine's root. Another namespace each time that the command line is used.
 * @throws {RigUnavailableError} not possible here
 */
export function ownNamespace(lines?: readonly string[]): string[];

/** Why there is no ownNamespace here, or null: found by making one once. Remembered. */
export function whyNoOwnNamespace(): string | null;

/**
 * Runs a program where ownNamespace would be made in a user namespace. stdio is inherited unless given.
 */
export function runInUserNamespace(argv: readonly string[], options?: SpawnOptions): ChildProcess;

/** Compiles one of the rigs' C programs if its sources are newer; returns its path. */
export function compileProgram(program: 'receiver' | 'frame_receiver' | 'probe' | 'header_reader' | 'bpf_load'): Promise<string>;
