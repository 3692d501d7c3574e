import { Pacer, type PacerOptions, type Rate } from 'zerosend/generator';

/** A pacer that was started at the time 0. */
export function startedPacer(rate: Rate, options: PacerOptions = {}): Pacer {
  const pacer = new Pacer(rate, options);
  pacer.start(0);
  return pacer;
}
