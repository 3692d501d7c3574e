import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  type CloseReport,
  type PacketOptions,
  PacketSocket,
  type XdpOptions,
  XdpSocket,
} from 'zerosend';
import {
  compileProgram,
  createRig,
  type FrameReport,
  type Rig,
  type RigKind,
  type RigOptions,
  startFrameReceiver,
} from '../../../../rig/index.mjs';
import { assertOwnPlace } from '../../../rig/needs.js';
import { within } from '../../../support/deadline.js';

export const ETHERNET = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };

/** Nothing was wrong with what came, and nothing was missing. */
export const INTACT = {
  badIp: 0,
  badTransport: 0,
  badLength: 0,
  zeroUdp: 0,
  other: 0,
  duplicates: 0,
  late: 0,
  drops: 0,
};

/** A veth rig, with a receiver that works checksums out by itself at its other end. */
export class Wire {
  readonly rig: Rig;
  readonly #folder = mkdtempSync(join(tmpdir(), 'zerosend-wire-'));

  private constructor(rig: Rig) {
    this.rig = rig;
  }

  /** @param options `here: false` in a file that has no namespace of its own */
  static async set(kind: RigKind = 'veth', options: RigOptions = {}): Promise<Wire> {
    const all = { here: true, ...options };
    assertOwnPlace(all);
    const rig = await createRig(kind, all);
    const wire = new Wire(rig);
    // Neighbour discovery would be counted as well.
    const { name } = rig.senderInterface;
    const quiet = `echo 1 > /proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
    await rig.sender.run('sh', ['-c', quiet]);
    const program = await compileProgram('frame_receiver');
    // What leaves has its checksums: a veth would leave them to whoever receives.
    await rig.sender.run(program, ['--no-checksum-offload', name]);
    return wire;
  }

  async dispose(): Promise<void> {
    await this.rig.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  file(name: string): string {
    return join(this.#folder, name);
  }

  /** Packets that the interface has sent, and those that it could not. */
  async transmitted(): Promise<{ packets: number; dropped: number }> {
    const args = ['-s', '-j', 'link', 'show', this.rig.senderInterface.name];
    const { stdout } = await this.rig.sender.run('ip', args);
    return JSON.parse(stdout)[0].stats64.tx;
  }

  /** What `job` reports of a socket on the wire, and how that ends. */
  async run<Report>(
    kind: 'packet' | 'xdp',
    options: Partial<PacketOptions>,
    job: (socket: PacketSocket | XdpSocket) => Promise<Report>,
  ): Promise<{ report: Report; closed: CloseReport }> {
    const all = { interface: this.rig.senderInterface.name, frames: 256, ...options };
    const socket = await (kind === 'packet'
      ? PacketSocket.open(all)
      : XdpSocket.open(all as XdpOptions));
    try {
      return { report: await job(socket), closed: await socket.close() };
    } finally {
      await socket.abort();
    }
  }

  /** What arrives while `send` runs. */
  async hear<T>(
    send: () => Promise<T>,
    options: { sequence?: number; save?: boolean } = {},
  ): Promise<{ heard: FrameReport; frames: Buffer[]; sent: T }> {
    const saved = this.file('frames');
    const receiver = await startFrameReceiver({
      namespace: this.rig.receiver,
      interface: this.rig.receiverInterface?.name ?? '',
      ...(options.sequence !== undefined && { sequence: options.sequence }),
      ...(options.save && { save: saved }),
    });
    let sent: T;
    try {
      sent = await send();
    } catch (error) {
      await receiver.stop();
      throw error;
    }
    const heard = await within(receiver.stop(), 'the report of the receiver');
    const frames = options.save ? split(readFileSync(saved)) : [];
    // The receiver has counted each frame once: its books have to agree with each other.
    const { unique, duplicates, other } = heard;
    if (options.sequence !== undefined) expect(heard.frames).toBe(unique + duplicates + other);
    if (options.save) {
      const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
      expect(heard).toMatchObject({ frames: frames.length, bytes });
    }
    return { heard, frames, sent };
  }

  /** A capture of what arrives while `send` runs, by tcpdump; returns the file. */
  async capture(send: () => Promise<unknown>, filter: string): Promise<string> {
    const file = this.file(`capture-${Date.now()}.pcap`);
    const { receiver, receiverInterface } = this.rig;
    const name = receiverInterface?.name ?? '';
    const whole = ['-U', '-B', '65536', '-Z', 'root', '--immediate-mode'];
    const args = ['-i', name, '-w', file, ...whole, filter];
    const child = receiver?.spawn('tcpdump', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    if (!child?.stderr) throw new Error('no tcpdump');
    let said = '';
    const ready = new Promise<void>((resolve) => {
      child.stderr?.on('data', (text) => {
        said += text;
        if (said.includes('listening on')) resolve();
      });
    });
    await within(ready, 'tcpdump that listens');
    await send();
    await new Promise((resolve) => setTimeout(resolve, 300)); // no sign tells that it has all
    child.kill('SIGINT');
    await within(once(child, 'exit'), 'the end of tcpdump');
    return file;
  }
}

function split(file: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32LE(at);
    frames.push(file.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return frames;
}
