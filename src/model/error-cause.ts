/** What differs from file to file in the same error: names in quotes, paths, numbers. */
const VARYING = /"[^"]*"|'[^']*'|(?:\{root[^}]*\})?(?:[A-Za-z]:)?[\\/][^\s:,;]+|[0-9a-f]{8,}|\d+/g
/** Characters of an error that tell it from others. */
const MOST = 1_000

/** What all errors have in common that have the same cause: the text without what differs from file to file. */
export function causeOf(error: string): string {
  return error.slice(0, MOST).replace(VARYING, '…')
}
