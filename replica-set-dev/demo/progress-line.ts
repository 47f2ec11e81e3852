import { printable } from '../../src/logging/printable.ts'

export interface Progress {
  readonly path: string
  readonly site: string
  readonly bytes: number
  readonly size: number
  readonly elapsedMs: number
}

const BAR = 20
const graphemes = new Intl.Segmenter()

/** `[██████░░░░░░░░░░░░░░]  31 %  14.9 of 48.0 MB  21.3 MB/s  nas  preview.mov`: one running transfer. */
export function progressLine({ path, site, bytes, size, elapsedMs }: Progress): string {
  const share = size > 0 ? Math.min(1, Math.max(0, bytes / size)) : 0
  const filled = Math.round(share * BAR)
  const bar = `[${'█'.repeat(filled)}${'░'.repeat(BAR - filled)}]`
  const speed = elapsedMs > 0 ? megabytes((bytes / elapsedMs) * 1_000) : megabytes(0)
  return `${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${megabytes(bytes)} of ${megabytes(size)} MB  ${speed} MB/s  ${printable(site)}  ${printable(path)}`
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}

/** `812 B`, `93.7 kB`, `1.3 MB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1_000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** `812 ms`, `1.3 s`, `2 min 5 s`. */
export function durationText(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** At most that many characters. */
export function cut(text: string, most: number): string {
  const characters = Array.from(graphemes.segment(text), ({ segment }) => segment)
  return characters.length <= most ? text : `${characters.slice(0, Math.max(0, most - 1)).join('')}…`
}
