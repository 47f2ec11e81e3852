/** A time as Drive takes it (RFC 3339, of the years 1 to 9999); undefined for one that can't be said so, which is Drive's to choose then. */
export function driveTime(time: Date): string | undefined {
  if (Number.isNaN(time.getTime())) return undefined
  const said = time.toISOString()
  return /^\d{4}-/.test(said) && !said.startsWith('0000') ? said : undefined
}
