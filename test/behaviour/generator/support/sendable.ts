import { atOnce } from '../../../../lib/generator/base/steps.js';
import { makeSendable } from '../../../../lib/generator/replay/sendable-frames.js';

/** What `replay` makes of a capture before it sends, without a socket. */
export const sendable = (...args: Parameters<typeof makeSendable>) => atOnce(makeSendable(...args));
