/** The name that was probably meant: at most half of its letters, and three, are wrong. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  const close = names
    .map((name) => ({ name, away: distance(given, name) }))
    .filter(({ name, away }) => away <= Math.min(3, Math.ceil(name.length / 2)))
    .sort((a, b) => a.away - b.away);
  return close[0]?.name;
}

/** Letters to insert, to leave out or to replace (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] as number) + (b[j] === letter ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
