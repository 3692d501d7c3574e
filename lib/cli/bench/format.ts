/** '64 KB' (1024 bytes each), '1 MB', '65,000 B'. */
export function showSize(bytes: number): string {
  if (bytes >= 2 ** 20 && bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20} MB`;
  if (bytes >= 1024 && bytes % 1024 === 0) return `${bytes / 1024} KB`;
  return `${bytes.toLocaleString('en')} B`;
}

/** '2.1 times', '1.05 times'. */
export function showGain(gain: number): string {
  return `${gain.toFixed(gain < 1.5 ? 2 : 1)} times`;
}
