import { open } from 'node:fs/promises';
import { finished, Writable } from 'node:stream';
import { invalidArgument } from '../../base/errors.js';

/** Where bytes are written to. */
export interface ByteSink {
  /** Resolves when the memory may be used again. */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a file, or takes a stream, which stays open. `'-'` is standard output.
 * @throws rejects with TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; the errors of the file system
 */
export async function openSink(file: unknown): Promise<ByteSink> {
  if (file === '-') return new StreamSink(process.stdout);
  if (file instanceof Writable) return new StreamSink(file);
  if (typeof file !== 'string' && !(file instanceof URL)) {
    throw invalidArgument('options.file', "a path, '-' or a Writable", file);
  }
  const handle = await open(file, 'w');
  return {
    write: (bytes) => handle.appendFile(bytes),
    close: () => handle.close(),
  };
}

class StreamSink implements ByteSink {
  readonly #stream: Writable;
  /** The callback of each write tells as well; without a listener, the event would end the process. */
  readonly #onError = () => {};
  #failed = false;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', this.#onError);
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const told = (error?: Error | null) => {
        stop();
        if (!error) return resolve();
        this.#failed = true;
        reject(error);
      };
      // One that is destroyed while its reader is slow never calls back of what it was given.
      const stop = finished(this.#stream, { readable: false }, (error) => error && told(error));
      // Who reads a stream may keep what it was given, or have yet to read it when it calls back.
      this.#stream.write(Buffer.from(bytes), told);
    });
  }

  async close(): Promise<void> {
    // A file is closed before its stream has the event of what its write was told of.
    if (!this.#failed) this.#stream.off('error', this.#onError);
  }
}
