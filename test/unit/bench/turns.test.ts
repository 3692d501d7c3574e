import { describe, expect, it } from 'vitest';
import { ratiosOf, takeTurns } from '../../../bench/turns.mjs';

/** Programs that note when their turn was; a slice is the number of the turn. */
function programs(names: string[]) {
  const turns: string[] = [];
  const all = names.map((name) => ({
    async run(seconds: number) {
      turns.push(`${name} ${seconds}`);
      return turns.length;
    },
  }));
  return { turns, all };
}

describe('programs that take turns', () => {
  it('have each their turn in each round, in the opposite order every time, once they are warm', async () => {
    const { turns, all } = programs(['a', 'b', 'c']);
    const slices = await takeTurns(all, { rounds: 3, seconds: 2 });
    const [warm, rounds] = [turns.slice(0, 3), turns.slice(3)];
    expect(warm).toEqual(['a 0.3', 'b 0.3', 'c 0.3']);
    const forwards = ['a 2', 'b 2', 'c 2'];
    expect(rounds).toEqual([...forwards, ...[...forwards].reverse(), ...forwards]);
    // What a turn measured is its program's, whatever the order was.
    expect(slices).toEqual([
      [4, 9, 10],
      [5, 8, 11],
      [6, 7, 12],
    ]);
  });

  it('end when there is enough, and warm up for no longer than two turns', async () => {
    const { turns, all } = programs(['a', 'b']);
    const enough = (slices: number[][]) => slices[0]?.length === 2;
    expect(await takeTurns(all, { rounds: 9, seconds: 0.1, enough })).toEqual([
      [3, 6],
      [4, 5],
    ]);
    const warm = ['a 0.2', 'b 0.2'];
    expect(turns).toEqual([...warm, 'a 0.1', 'b 0.1', 'b 0.1', 'a 0.1']);
  });

  it('are held against each other round by round', () => {
    expect(ratiosOf([2, 9], [4, 3], (slice) => slice)).toEqual([0.5, 3]);
  });
});
