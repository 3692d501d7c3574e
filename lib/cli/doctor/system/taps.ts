import type { Files } from './files.js';

/** A packet socket that is shown what an interface sends, as tcpdump opens one. */
export interface Tap {
  /** of the interface; 0: of all */
  readonly index: number;
  /** who holds it, where we may see that */
  readonly program: string | undefined;
}

/** From /proc/self/net/packet: those for every protocol, as only they are shown what goes out. */
const EVERY_PROTOCOL = '0003';

/** Undefined where /proc does not tell. */
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
