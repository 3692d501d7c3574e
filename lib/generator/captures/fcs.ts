/**
 * The lengths of a frame without the checksum at its end, which hardware adds again: of a frame that
 * was cut, as much of it was captured as is there beyond the frame itself.
 * @param fcs bytes of the checksum
 */
export function withoutFcs(
  captured: number,
  original: number,
  fcs: number,
): { captured: number; original: number } {
  const whole = Math.max(0, original - fcs);
  const cut = captured >= original ? Math.max(0, captured - fcs) : Math.min(captured, whole);
  return { captured: cut, original: whole };
}
