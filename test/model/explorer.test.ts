import { expect, it } from 'vitest';
import { explore, type Model } from './explorer.js';

/** States are single numbers; `edges` are [from, to, optional]. */
function graph(edges: [number, number, boolean?][], settled: number[], broken = -1): Model {
  return {
    initial: () => Uint8Array.of(0),
    steps: ([at]) =>
      edges
        .filter(([from]) => from === at)
        .map(([from, to, optional = false]) => ({
          label: `${from}-${to}`,
          optional,
          next: Uint8Array.of(to),
        })),
    broken: ([at]) => (at === broken ? 'broken' : undefined),
    settled: ([at]) => settled.includes(at as number),
  };
}

it('visits every state once', () => {
  const edges: [number, number][] = [
    [0, 1],
    [0, 2],
    [1, 3],
    [2, 3],
    [3, 0],
  ];
  expect(explore(graph(edges, [3]))).toEqual({ states: 4, steps: 5, violation: undefined });
});

it('finds a broken state, by a shortest way', () => {
  const edges: [number, number][] = [
    [0, 1],
    [1, 2],
    [2, 3],
    [0, 2],
  ];
  const { violation } = explore(graph(edges, [0, 1, 2, 3], 3));
  expect(violation).toEqual({ what: 'broken', trace: ['0-2', '2-3'] });
});

it('finds a state in which everybody waits, however much may happen', () => {
  const edges: [number, number, boolean?][] = [
    [0, 1],
    [1, 2, true],
    [2, 3],
  ];
  const { violation } = explore(graph(edges, [3]));
  expect(violation).toEqual({ what: 'everybody waits', trace: ['0-1'] });
});

it('finds a circle without a way out', () => {
  const edges: [number, number, boolean?][] = [
    [0, 1],
    [0, 2],
    [1, 3],
    [3, 1],
    [3, 2, true],
  ];
  const { violation } = explore(graph(edges, [2]));
  expect(violation).toEqual({ what: 'it goes round in circles', trace: ['0-1'] });
});
