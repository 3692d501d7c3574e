import { channel } from 'node:diagnostics_channel';

/*
 * The channels of node:diagnostics_channel on which sockets publish messages (see
 * diagnostic-messages.ts). Without subscribers a message is not even made. What a subscriber throws
 * becomes an uncaught exception, as Node.js defines it.
 */

export const openChannel = channel('zerosend:socket:open');
export const closeChannel = channel('zerosend:socket:close');
export const errorChannel = channel('zerosend:socket:error');
export const stallChannel = channel('zerosend:completion:stall');
