const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** A number of bytes for people, in powers of 1,000: `1.5 GB`. */
export function bytesText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
  const value = bytes / 1000 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${UNITS[power]}`
}
