const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
const numbers = new Intl.NumberFormat('en')
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const minutes = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' })

export const number = (value) => numbers.format(value)

/** `3 files`, `1 file`. */
export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? '' : 's'}`

export const tries = (value) => `${value} ${value === 1 ? 'try' : 'tries'}`

/** As people say it: three digits at most. */
export function bytes(value) {
  if (typeof value !== 'number') return '–'
  const power = value < 1_000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), UNITS.length - 1)
  const scaled = value / 1_000 ** power
  return `${scaled.toFixed(power > 0 && scaled < 9.95 ? 1 : 0)} ${UNITS[power]}`
}

export const speed = (bytesPerSecond) => `${bytesPerSecond < 1_000 ? '0 MB' : bytes(bytesPerSecond)}/s`

/** In the zone of who looks; with the day unless that is today. */
export function time(value) {
  const date = new Date(value)
  const isToday = date.toDateString() === new Date().toDateString()
  return isToday ? clock.format(date) : `${day.format(date)}, ${minutes.format(date)}`
}

export const exactTime = (value) => exact.format(new Date(value))

/** `42 s`, `3 min`, `2 h`, `5 days`. */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`
  return `${Math.round(seconds / 86_400)} days`
}

/** When a document was made, where its id says so: the first four bytes of an ObjectId are seconds. */
export function madeAt(id) {
  return /^[0-9a-f]{24}$/.test(id) ? Number.parseInt(id.slice(0, 8), 16) * 1_000 : undefined
}

export const fileName = (path) => path.slice(path.lastIndexOf('/') + 1)

/** The version as people write it. */
export const version = (value) => (typeof value === 'number' ? `v${String(value).padStart(3, '0')}` : (value ?? ''))
