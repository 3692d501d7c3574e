import { census } from './census.js';
import { readInfo } from './describe.js';
import { openChannel } from './diagnostics.js';
import { coreOf, type ZeroCopySocket } from './socket.js';
import { warnOfGrants } from './warnings.js';

/**
 * Adds a socket that has just been opened to the census, and publishes it on the channel
 * `zerosend:socket:open`.
 */
export function announce<S extends ZeroCopySocket>(socket: S): S {
  const { state } = coreOf(socket);
  census.add(state);
  warnOfGrants(state);
  if (openChannel.hasSubscribers) {
    const { local, remote, interface: name } = readInfo(state);
    openChannel.publish({ socket, protocol: state.protocol, local, remote, interface: name });
  }
  return socket;
}
