import { isFailure, native } from '../addon/addon.js';
import { type CodedError, invalidArgument, outOfRange, systemError } from '../base/errors.js';
import { checkBoolean, checkInteger, checkString } from '../base/validate.js';
import type { BindSettings, SocketSettings, TcpSettings, UdpSettings } from '../engine/settings.js';
import type { SocketState } from '../engine/state.js';

type Name = keyof SocketSettings;
type Check = (name: string, value: unknown) => number | string;

const IFNAMSIZ = 16;

const number =
  (min: number, max: number): Check =>
  (name, value) =>
    checkInteger(name, value, min, max);
const flag: Check = (name, value) => Number(checkBoolean(name, value));

const CHECKS: Readonly<Record<Name, Check>> = {
  reuseAddress: flag,
  reusePort: flag,
  ttl: number(1, 255),
  tos: number(0, 255),
  priority: number(0, 2 ** 31 - 1),
  mark: number(0, 2 ** 32 - 1),
  broadcast: flag,
  multicastTtl: number(0, 255),
  multicastLoop: flag,
  multicastInterface: (name, value) => {
    const text = checkString(name, value);
    if (Buffer.byteLength(text) < IFNAMSIZ) return text;
    throw outOfRange(name, `at most ${IFNAMSIZ - 1} bytes`, text);
  },
  keepAlive: flag,
  keepAliveIdle: number(1, 32_767),
  keepAliveInterval: number(1, 32_767),
  keepAliveProbes: number(1, 127),
  userTimeout: number(0, 2 ** 31 - 1),
};

const IP = ['ttl', 'tos', 'priority', 'mark'] as const;
const BIND = ['reuseAddress', 'reusePort'] as const;
const UDP = ['broadcast', 'multicastTtl', 'multicastLoop', 'multicastInterface'] as const;
const TCP = [
  'keepAlive',
  'keepAliveIdle',
  'keepAliveInterval',
  'keepAliveProbes',
  'userTimeout',
] as const;

/** For each kind of socket: the options that can be set on an open one, and all of them. */
export const UDP_LATER = [...IP, ...UDP] as const satisfies readonly (keyof UdpSettings)[];
export const TCP_LATER = [...IP, ...TCP] as const satisfies readonly (keyof TcpSettings)[];
export const UDP_SETTINGS = [...BIND, ...UDP_LATER] as const;
export const TCP_SETTINGS = [...BIND, ...TCP_LATER] as const;

/**
 * Checks the options that are given, and converts them to what the addon takes.
 * @param options as `readOptions` has read them
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
 */
export function checkSettings(
  options: UdpSettings & TcpSettings & BindSettings,
  names: readonly Name[],
): Record<string, number | string> {
  const given = names.filter((name) => options[name] !== undefined);
  return Object.fromEntries(
    given.map((name) => [name, CHECKS[name](`options.${name}`, options[name])]),
  );
}

/**
 * Sets an option on an open socket.
 * @param known the names of the options that the socket has
 */
export function applySetting(
  state: SocketState,
  name: unknown,
  value: unknown,
  known: readonly Name[],
): void {
  if (!known.includes(name as Name)) {
    throw invalidArgument('name', `one of ${known.join(', ')}`, name);
  }
  if (value === undefined) throw invalidArgument(String(name), 'given', value);
  const checked = CHECKS[name as Name](String(name), value);
  if (state.phase !== 'open') throw state.closedError();
  const answer = native.setSocketOption(state.handle, name as Name, checked);
  if (answer === null || !isFailure(answer)) return;
  const about = isOfMulticast(answer.syscall) ? { interface: String(checked) } : undefined;
  throw nameCapability(systemError(answer.errno, answer.syscall, about));
}

/** Whether a failed call was one that sets the interface for multicast. */
export function isOfMulticast(syscall: string): boolean {
  return /MULTICAST_IF|^if_nametoindex/.test(syscall);
}

/** Names the missing capability in the error of an option that needs one. */
export function nameCapability(error: CodedError): CodedError {
  if (error.code !== 'EPERM') return error;
  if (error.syscall?.includes('SO_MARK')) {
    error.message += ': a mark needs CAP_NET_ADMIN, or since Linux 5.17 CAP_NET_RAW';
  } else if (error.syscall?.includes('SO_PRIORITY')) {
    error.message += ': a priority above 6 needs CAP_NET_ADMIN or CAP_NET_RAW';
  }
  return error;
}

const BOOLEAN: readonly string[] = [...BIND, 'broadcast', 'multicastLoop', 'keepAlive'];

/** Converts what the addon reports of a socket to values of its options. */
export function readSettings(
  told: Readonly<Record<string, number | string>>,
  names: readonly Name[],
): SocketSettings {
  const known = names.filter((name) => Object.hasOwn(told, name));
  return Object.fromEntries(known.map((name) => [name, inTermsOf(name, told[name])]));
}

function inTermsOf(name: Name, told: number | string | undefined): unknown {
  if (BOOLEAN.includes(name)) return told !== 0;
  return name === 'mark' ? Number(told) >>> 0 : told;
}
