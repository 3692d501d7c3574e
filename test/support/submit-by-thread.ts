import { isProxy } from 'node:util/types';
import { expect } from 'vitest';

/*
 * With ZEROSEND_TEST_SUBMIT=thread (`npm run test:thread`), which vitest.config.ts looks at, the sockets that tests open are
 * served by the submission thread, unless they say otherwise: the suites are the same for both values of
 * the option. What must differ is in the table of docs/submission-thread.md, and such tests say
 * `itInline` of submit.ts, with its row.
 */

// Which addon the library has is decided by its first import.
if (expect.getState().testPath?.includes('/test/faults/')) await import('../faults/zerosend.mjs');
const { PacketSocket, TcpSocket, UdpSocket, XdpSocket } = await import('zerosend');

/** What is meant to be refused, or notes who reads it, stays as it is. */
function isPlain(options: unknown): options is object {
  return (
    typeof options === 'object' && options !== null && !Array.isArray(options) && !isProxy(options)
  );
}

type Opens = (options: never) => Promise<unknown>;

function byDefault(kind: object, method: string): void {
  const open = Reflect.get(kind, method) as Opens;
  const opened = (options: object, ...rest: unknown[]) => {
    const given =
      isPlain(options) && !Object.hasOwn(options, 'submit')
        ? Object.create(null, { ...Object.getOwnPropertyDescriptors(options), submit: THREAD })
        : options;
    return Reflect.apply(open, kind, [given, ...rest]);
  };
  Reflect.set(kind, method, opened);
}

const THREAD: PropertyDescriptor = { value: 'thread', enumerable: true };

byDefault(UdpSocket, 'open');
byDefault(TcpSocket, 'connect');
byDefault(PacketSocket, 'open');
byDefault(XdpSocket, 'open');
