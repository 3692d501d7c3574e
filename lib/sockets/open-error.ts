import type { Failure, OpenRequest } from '../addon/contract.js';
import { type CodedError, systemError } from '../base/errors.js';
import { isOfMulticast, nameCapability } from './settings.js';

/**
 * The error of a TCP or UDP socket that could not be opened, with the address or interface that the
 * failed call was about.
 */
export function openError({ errno, syscall }: Failure, request: OpenRequest): CodedError {
  if (syscall.includes('SO_BINDTODEVICE') && request.interface) {
    return systemError(errno, syscall, { interface: request.interface });
  }
  const { multicastInterface } = request.settings ?? {};
  if (isOfMulticast(syscall) && multicastInterface !== undefined) {
    return systemError(errno, syscall, { interface: String(multicastInterface) });
  }
  const { local, remote } = request;
  return nameCapability(systemError(errno, syscall, syscall === 'bind' ? local : remote));
}

/**
 * The error of a ring that could not be opened. It names the capability that socket(2) needs; where
 * another call is not permitted, a capability would not help.
 */
export function openFailure(failure: Failure, interfaceName: string): CodedError {
  const error = systemError(failure.errno, failure.syscall, { interface: interfaceName });
  const { code } = error;
  const isDenied = code === 'EPERM' || code === 'EACCES';
  if (isDenied && failure.syscall === 'socket') error.message += '; needs CAP_NET_RAW';
  else if (failure.syscall === 'if_nametoindex' && code === 'ENODEV')
    error.message += `: no interface '${interfaceName}'`;
  return error;
}

/**
 * The error of an AF_XDP socket that could not be opened. That of bind(2) says which transmit queue
 * was asked for, and how many there are.
 */
export function queueFailure(failure: Failure, interfaceName: string, queue: number): CodedError {
  const error = openFailure(failure, interfaceName);
  if (failure.syscall !== 'bind') return error;
  const { queues = 0 } = failure;
  const all = queues > 1 ? `0 to ${queues - 1}` : '0';
  const there = queues === 0 ? '' : `, which has ${queues} (${all})`;
  error.message += `: transmit queue ${queue} of '${interfaceName}'${there}`;
  if (error.code === 'EBUSY') error.message += ', is in use by another socket';
  return Object.assign(error, { queue, ...(queues > 0 && { queues }) });
}
