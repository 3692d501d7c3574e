import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromReceiver } from './messages.js';
import { XDP_SECTION, xdpPassObject } from './xdp-pass.js';

/** The environment for ip(8), which is in a folder that is not in every user's PATH. */
export const IP_ENVIRONMENT = {
  ...process.env,
  PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`,
};

const RECEIVER = fileURLToPath(new URL('./receiver-process.js', import.meta.url));

/** 198.18.0.0/15 is reserved for benchmarks (RFC 2544). */
const SINK = { name: 'zs-sink', own: '198.18.0.1', other: '198.18.0.2' };
const VETH = { name: 'zs-tcp0', peer: 'zs-tcp1', own: '198.18.1.1', other: '198.18.1.2' };

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** The interface and addresses to which frames of the transmit ring are sent. */
export interface RingTarget {
  readonly interface: string;
  readonly source: string;
  readonly address: string;
  readonly port: number;
  readonly mac: string;
}

/** Runs ip(8). @throws Error with its own words */
function ip(...args: readonly string[]): void {
  try {
    execFileSync('ip', args, {
      env: IP_ENVIRONMENT,
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
  } catch (error) {
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw new Error('ip (iproute2) is not installed');
    throw new Error(stderr?.trim().split('\n').at(-1) || message);
  }
}

/**
 * Makes an ifb interface, to which nothing is redirected: it drops what it gets, without copying
 * it.
 */
export function makeSink(): RingTarget {
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', SINK.name, 'type', 'ifb');
  ip('address', 'add', `${SINK.own}/24`, 'dev', SINK.name);
  ip('link', 'set', SINK.name, 'up');
  return {
    interface: SINK.name,
    source: SINK.own,
    address: SINK.other,
    port: 9,
    mac: '02:00:00:00:00:02',
  };
}

/** The process that receives what is sent. */
export class Receiver {
  private constructor(private readonly child: ChildProcess) {}

  /** On loopback. */
  static async onLoopback(): Promise<{ receiver: Receiver; tcp: Endpoint; udp: Endpoint }> {
    const receiver = await Receiver.start([]);
    const address = '127.0.0.1';
    const ports = await receiver.listen([], address);
    return {
      receiver,
      tcp: { address, port: ports.tcp },
      udp: { address, port: ports.udp },
    };
  }

  /**
   * Starts it behind a veth, in another network namespace. The XDP program on its end makes it take
   * packets as a network card does.
   * @throws where the system does not allow one of these
   */
  static async behindVeth(): Promise<{ receiver: Receiver; tcp: Endpoint }> {
    const receiver = await Receiver.start(['unshare', '-n']);
    const folder = mkdtempSync(join(tmpdir(), 'zerosend-bench-'));
    try {
      const object = join(folder, 'pass.o');
      writeFileSync(object, xdpPassObject());
      const { name, peer, own, other } = VETH;
      ip('link', 'add', name, 'type', 'veth', 'peer', 'name', peer);
      ip('link', 'set', peer, 'xdpdrv', 'object', object, 'section', XDP_SECTION);
      ip('link', 'set', peer, 'netns', String(receiver.child.pid));
      ip('address', 'add', `${own}/24`, 'dev', name);
      ip('link', 'set', name, 'up');
      const commands = [
        ['link', 'set', 'lo', 'up'],
        ['address', 'add', `${other}/24`, 'dev', peer],
        ['link', 'set', peer, 'up'],
      ];
      const { tcp } = await receiver.listen(commands, other);
      return { receiver, tcp: { address: other, port: tcp } };
    } catch (error) {
      await receiver.stop();
      throw error;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  private static async start(prefix: readonly string[]): Promise<Receiver> {
    const [command = process.execPath, ...args] = [...prefix, process.execPath, RECEIVER];
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const receiver = new Receiver(child);
    await receiver.answer();
    return receiver;
  }

  private async listen(commands: readonly (readonly string[])[], address: string) {
    this.child.send({ commands, address });
    const answer = await this.answer();
    if (answer.type !== 'listening') throw new Error('the receiver does not listen');
    return answer;
  }

  private async answer(): Promise<FromReceiver> {
    const ended = once(this.child, 'exit').then(() => {
      throw new Error('the receiver has ended');
    });
    const [message] = (await Promise.race([once(this.child, 'message'), ended])) as [FromReceiver];
    ended.catch(() => {});
    if (message.type === 'error') throw new Error(message.message);
    return message;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.disconnect(); // it ends by itself
    await ended;
  }
}
