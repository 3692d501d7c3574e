import { custom, type OptionSpec, UsageError } from './options.js';

/** Packets a second, or bits a second. */
export type AskedRate = { readonly packets: number } | { readonly bits: number };

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9 };

/** '1000', '250k', '1.5M' packets a second; '100Mbit', '2.5Gbit' bits a second. */
function readRate(text: string): AskedRate {
  const [, digits = '', unit = '', bit] = /^([\d.]+)([kKMG]?)(bit)?(?:\/s)?$/.exec(text) ?? [];
  const value = Number(digits) * (UNITS[unit] ?? Number.NaN);
  if (digits === '' || !(value > 0)) {
    throw new UsageError('has to be a rate such as 1000, 250k (packets a second) or 100Mbit');
  }
  return bit === undefined ? { packets: value } : { bits: value };
}

/** The option `--rate`. */
export function rateOption(help: string): OptionSpec<AskedRate | undefined> {
  return custom(help, readRate, { placeholder: 'RATE', default: undefined });
}

/** A rate by the unit that its name says, as reports and the live view have it; null without one. */
export function perSecond(
  rate: AskedRate | undefined,
): { readonly packetsPerSecond: number } | { readonly bitsPerSecond: number } | null {
  if (rate === undefined) return null;
  return 'bits' in rate ? { bitsPerSecond: rate.bits } : { packetsPerSecond: rate.packets };
}
