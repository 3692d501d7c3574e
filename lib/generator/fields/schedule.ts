/** With more than so many, the credit of all is too much work for each turn. */
const MOST_CREDITS = 256;

/**
 * Which of several each turn of a period is: each as often as its weight says, and as evenly as it goes.
 * @returns a list of as many as the weights add up to
 */
export function interleaved(weights: ArrayLike<number>): Uint32Array {
  const total = Array.from(weights).reduce((sum, weight) => sum + weight, 0);
  if (weights.length > MOST_CREDITS) return byDeadlines(weights, total);
  const schedule = new Uint32Array(total);
  // Each gains its weight at each step; who has most is next, and pays for all (smooth weighted
  // round-robin): within a period each comes as often as its weight says.
  const credit = new Float64Array(weights.length);
  for (let at = 0; at < total; at++) {
    let best = 0;
    for (let part = 0; part < credit.length; part++) {
      const gained = (credit[part] as number) + (weights[part] as number);
      credit[part] = gained;
      if (gained > (credit[best] as number)) best = part;
    }
    credit[best] = (credit[best] as number) - total;
    schedule[at] = best;
  }
  return schedule;
}

/** Turn j of one with weight w belongs where `(j + 1/2) / w` of the period are over. */
function byDeadlines(weights: ArrayLike<number>, total: number): Uint32Array {
  const parts = new Uint32Array(total);
  const due = new Float64Array(total);
  let at = 0;
  for (let part = 0; part < weights.length; part++) {
    const weight = weights[part] as number;
    for (let turn = 0; turn < weight; turn++, at++) {
      parts[at] = part;
      due[at] = (turn + 0.5) / weight;
    }
  }
  const order = Uint32Array.from(parts.keys());
  order.sort((a, b) => (due[a] as number) - (due[b] as number) || a - b);
  return order.map((place) => parts[place] as number);
}
