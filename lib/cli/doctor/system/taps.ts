import type { Files } from './files.js';

/** A packet socket that gets copies of what an interface sends, as tcpdump opens one. */
export interface Tap {
  /** index of the interface; 0 for all */
  readonly index: number;
  /** the program that has it open, where that is visible */
  readonly program: string | undefined;
}

/** ETH_P_ALL as in /proc/self/net/packet: only sockets for every protocol get what is sent. */
const EVERY_PROTOCOL = '0003';

/** All taps; undefined where /proc does not list them. */
export function readTaps(files: Files): readonly Tap[] | undefined {
  const table = files.read('/proc/self/net/packet');
  if (table === undefined) return undefined;
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  const taps = rows.filter(
    ([, , , protocol, , running]) => protocol === EVERY_PROTOCOL && running === '1',
  );
  if (taps.length === 0) return [];
  const holders = holdersOf(files, new Set(taps.map((row) => `socket:[${row.at(-1)}]`)));
  return taps.map((row) => ({
    index: Number(row[4]),
    program: holders.get(`socket:[${row.at(-1)}]`),
  }));
}

function holdersOf(files: Files, sockets: ReadonlySet<string>): Map<string, string> {
  const holders = new Map<string, string>();
  for (const pid of files.list('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of files.list(`/proc/${pid}/fd`)) {
      const target = files.link(`/proc/${pid}/fd/${fd}`);
      if (target === undefined || !sockets.has(target)) continue;
      const name = files.read(`/proc/${pid}/comm`)?.trim() ?? 'a program';
      holders.set(target, `${name} (process ${pid})`);
    }
  }
  return holders;
}
