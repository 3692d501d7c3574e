import { census } from './census.js';
import { readInfo } from './describe.js';
import { openChannel } from './diagnostics.js';
import { coreOf, type ZeroCopySocket } from './socket.js';
import { warnOfGrants } from './warnings.js';

/** A socket is open: it is counted from now on, and those who watch are told. */
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
