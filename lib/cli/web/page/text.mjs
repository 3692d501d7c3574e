// Formats figures, in addition to base/format.ts.

/** A time since the start of the run. */
export const passed = (seconds) => {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  return minutes < 60
    ? `${minutes}:${String(rest).padStart(2, '0')} min`
    : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')} h`;
};

export const orNone = (show) => (value) =>
  value === null || value === undefined ? '–' : show(value);
