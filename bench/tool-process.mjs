// @ts-check
// A third-party tool that sends frames, where it is installed: tcpreplay, trafgen. It is
// started anew for each turn and reports how long it has sent. CPU time is that of the whole
// process.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { frames } from './frames.mjs';
import { CorrectnessError, RefusedError } from './sender-process.mjs';

/**
 * @typedef {import('./sender-process.mjs').Slice} Slice
 * @typedef {import('./run-contest.mjs').Program} Program
 *
 * @typedef {object} Tool
 * @property {string} file what it reads
 * @property {(bytes: Uint8Array) => Uint8Array | string} contents of that file, which send a frame
 * @property {(file: string, name: string, frames: number) => string[]} args
 * @property {RegExp} said in its output: `frames`, and `seconds`
 */

const PROBE = 20_000; // frames of a first run, which shows how many fill a turn

/** @type {Readonly<Record<string, Tool>>} */
const TOOLS = {
  tcpreplay: {
    file: 'frame.pcap',
    contents: capture,
    args: (file, name, count) => [
      ...['--topspeed', '--preload-pcap', `--loop=${count}`, `--intf1=${name}`, file],
    ],
    said: /Actual: (?<frames>\d+) packets \(\d+ bytes\) sent in (?<seconds>[\d.]+) seconds/,
  },
  trafgen: {
    file: 'frame.cfg',
    contents: (bytes) => `{ ${[...bytes].join(', ')} }\n`,
    args: (file, name, count) => [
      ...['--dev', name, '--conf', file, '--num', String(count), '--cpus', '1', '--no-sock-mem'],
    ],
    said: /(?<frames>\d+) packets outgoing[\s\S]*?(?<seconds>\d+) sec, (?<micro>\d+) usec/,
  },
};

/** A capture (pcap, little-endian, Ethernet) with one frame. @param {Uint8Array} bytes */
function capture(bytes) {
  const header = new Uint32Array([0xa1b2c3d4, 0x0004_0002, 0, 0, 65_535, 1]);
  const record = new Uint32Array([0, 0, bytes.length, bytes.length]);
  return Buffer.concat([Buffer.from(header.buffer), Buffer.from(record.buffer), bytes]);
}

export class ToolProcess {
  #tool;
  #namespace;
  #name;
  #folder = mkdtempSync(join(tmpdir(), 'zerosend-bench-'));
  #perSecond = 0;
  sends = 0;
  bytes = 0;

  /**
   * @param {Program} program
   * @param {{ namespace: import('../rig/index.mjs').Namespace | null, interface: string }} where
   */
  constructor(program, { namespace, interface: name }) {
    this.program = program;
    const tool = TOOLS[program.args[0] ?? ''];
    if (tool === undefined || namespace === null) throw new TypeError(`no tool: ${program.name}`);
    this.#tool = tool;
    this.#namespace = namespace;
    this.#name = name;
    writeFileSync(this.#file, tool.contents(frames.small.template.bytes));
  }

  get #file() {
    return join(this.#folder, this.#tool.file);
  }

  async ready() {
    const { name, args } = this.program;
    const command = args[0] ?? '';
    const { code } = await this.#namespace.run('sh', ['-c', 'command -v "$1"', 'sh', command], {
      check: false,
    });
    if (code !== 0) throw new RefusedError(`${name}: ${command} is not installed`);
    const { sends, seconds } = await this.#send(PROBE);
    this.#perSecond = sends / seconds;
  }

  /** @param {number} seconds @returns {Promise<Slice>} */
  async run(seconds) {
    return await this.#send(Math.max(1, Math.round(this.#perSecond * seconds)));
  }

  /** @param {number} count @returns {Promise<Slice>} */
  async #send(count) {
    const { args, said } = this.#tool;
    const command = [this.program.args[0] ?? '', ...args(this.#file, this.#name, count)];
    // The last line of `times` has the CPU time of those that the shell has waited for.
    const shell = ['-c', '"$@" && times', 'sh', ...command];
    const { stdout, stderr } = await this.#namespace.run('sh', shell);
    const groups = said.exec(`${stdout}\n${stderr}`)?.groups;
    const cpu = [...(stdout.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
    if (groups === undefined || cpu.length !== 2) {
      throw new CorrectnessError(`${this.program.name} said something else: ${stdout}${stderr}`);
    }
    const [userSeconds = 0, systemSeconds = 0] = cpu.map(([, m, s]) => Number(m) * 60 + Number(s));
    const sends = Number(groups.frames);
    const bytes = sends * frames.small.template.length;
    this.sends += sends;
    this.bytes += bytes;
    const completion = {
      completed: sends,
      zerocopied: 0,
      copied: 0,
      inlined: sends,
      violations: 0,
    };
    return {
      seconds: Number(groups.seconds) + Number(groups.micro ?? 0) / 1e6,
      ...{ userSeconds, systemSeconds, threadSeconds: null, sends, bytes, ...completion },
    };
  }

  async stop() {
    this.kill();
  }

  kill() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
