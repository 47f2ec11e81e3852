/** Milliseconds by a clock that all processes of this machine share, to well below a microsecond; its zero means nothing. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
