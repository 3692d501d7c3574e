import { readdirSync, readlinkSync } from 'node:fs';
import { UdpSocket } from 'zerosend';

// The first socket of a process starts the poller, which stays.
await (await UdpSocket.open()).close();

/** What the process has open, without the folder that is read to find out. */
export function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return `${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`;
      } catch {
        return '';
      }
    })
    .filter(Boolean)
    .sort();
}
