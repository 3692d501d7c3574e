import { captureError } from './captured-frame.js';

/** The part of a file that is in memory while it is read from its beginning to its end. */
export class Window {
  bytes: Buffer = Buffer.alloc(0);
  /** where in these bytes reading goes on */
  at = 0;
  readonly #chunks: AsyncGenerator<Buffer>;
  /** bytes of the file before those in memory */
  #before = 0;
  /** what was read, and is not in {@link bytes} yet */
  #pending: Buffer | null = null;

  constructor(chunks: AsyncGenerator<Buffer>) {
    this.#chunks = chunks;
  }

  /** Where in the file reading goes on. */
  get offset(): number {
    return this.#before + this.at;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  /**
   * Reads on until so many bytes are there, or all that the file has left.
   * @throws rejects with the errors of the file system; Error `ERR_ZEROSEND_CAPTURE` where it cannot be
   * decompressed any further, with what was read before left in place
   */
  async want(bytes: number): Promise<void> {
    const parts: Buffer[] = this.left > 0 ? [this.bytes.subarray(this.at)] : [];
    let there = this.left;
    let failure: unknown = null;
    while (there < bytes) {
      try {
        this.#pending ??= await this.#next();
      } catch (error) {
        failure = error;
      }
      if (this.#pending === null) break;
      // Only a record that two pieces share is copied, and only as much as is known of it.
      const some = parts.length === 0 ? this.#pending : this.#pending.subarray(0, bytes - there);
      this.#pending =
        some.length < this.#pending.length ? this.#pending.subarray(some.length) : null;
      parts.push(some);
      there += some.length;
    }
    this.#before += this.at;
    this.at = 0;
    // Frames are views on these bytes: they are not written again, and live as long as a frame does.
    this.bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    if (failure !== null) throw this.#explained(failure);
  }

  /** Passes over so many bytes, which are in memory piece by piece; returns how many there were. */
  async skip(bytes: number): Promise<number> {
    let passed = Math.min(bytes, this.left);
    this.at += passed;
    while (passed < bytes) {
      await this.want(1);
      const more = Math.min(bytes - passed, this.left);
      if (more === 0) break;
      this.at += more;
      passed += more;
    }
    return passed;
  }

  async close(): Promise<void> {
    await this.#chunks.return(undefined);
  }

  async #next(): Promise<Buffer | null> {
    const { value, done } = await this.#chunks.next();
    return done ? null : (value as Buffer);
  }

  #explained(failure: unknown): unknown {
    const { code, message } = failure as Error & { code?: unknown };
    const ofZlib = typeof code === 'string' && /^(Z_|ZSTD_|ERR_ZSTD)/.test(code);
    return ofZlib
      ? captureError(this.#before + this.bytes.length, `decompressing: ${message}`)
      : failure;
  }
}
