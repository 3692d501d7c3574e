import type { Files } from './files.js';

/** Settings of the kernel (sysctl(8)) that may be worth changing. */
const NAMES = [
  'net.core.optmem_max',
  'net.core.wmem_max',
  'net.ipv6.conf.lo.disable_ipv6',
  'vm.nr_hugepages',
] as const;
export type Setting = (typeof NAMES)[number];

/**
 * - `here`: this process may change it
 * - `by-root`: root may, from here
 * - `read-only`: nobody can from here, since /proc/sys is mounted so
 * - `outside`: nobody can from here, as it belongs to the machine and not to this network namespace
 */
export type Changed = 'here' | 'by-root' | 'read-only' | 'outside';

export type Settings = Readonly<Record<Setting, Changed>>;

export function readSettings(files: Files, readOnly: boolean): Settings {
  const rows = NAMES.map((name) => [name, changedBy(files, name, readOnly)] as const);
  return Object.fromEntries(rows) as Settings;
}

function changedBy(files: Files, name: Setting, readOnly: boolean): Changed {
  const path = `/proc/sys/${name.replaceAll('.', '/')}`;
  const mode = files.mode(path);
  if (mode === undefined || (mode & 0o222) === 0) return 'outside';
  if (readOnly) return 'read-only';
  return files.writable(path) ? 'here' : 'by-root';
}
