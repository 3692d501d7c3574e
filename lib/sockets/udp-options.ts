import { SOCKET_OPTIONS, type SocketOptions } from '../engine/options.js';
import type { BindSettings, UdpSettings } from '../engine/settings.js';
import { UDP_SETTINGS } from './settings.js';

/** Options of {@link UdpSocket.open}. */
export interface UdpOptions extends SocketOptions, UdpSettings, BindSettings {
  /** 4 or 6; default that of `remote` or `address`, else 4. */
  family?: 4 | 6 | undefined;
  /** Local address to bind to; default any. */
  address?: string | undefined;
  /** Local port, 0 to 65535. Default 0: any free one. */
  port?: number | undefined;
  /**
   * Lets other sockets that set the same option bind to the same address and port (SO_REUSEADDR,
   * socket(7)). So a socket of `node:dgram` can receive the answers, since this one receives
   * nothing: see `UdpSocket`. Default false.
   */
  reuseAddress?: boolean | undefined;
  /**
   * The peer of `send` and `sendMany`, by address or name. Without it, each send needs a
   * destination.
   */
  remote?:
    | {
        /** An IP address, or the name of a host. */
        address: string;
        /** 1 to 65535 */
        port: number;
      }
    | undefined;
  /**
   * Generic segmentation offload (UDP_SEGMENT, udp(7)): each send leaves as datagrams of this many
   * bytes, the last one shorter. 1 to 65507; default off.
   */
  segmentSize?: number | undefined;
}

/** The names of all options. */
export const UDP_OPTIONS = [
  'family',
  'address',
  'port',
  'remote',
  'segmentSize',
  ...UDP_SETTINGS,
  ...SOCKET_OPTIONS,
] as const;
