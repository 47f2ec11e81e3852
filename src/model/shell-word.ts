/** What a POSIX shell takes as it stands. */
const PLAIN = /^[\w@%+:,./][\w@%+:,./=-]*$/
/** What does not show, breaks a line or turns the reading order. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/u

/**
 * A text as one word of a POSIX shell, safe to be pasted: quoted where it has to be, with what does not show written out (`$'…'`, byte by
 * byte, so that it means the same in every locale). One that begins with a dash is still an option: put `--` before it.
 */
export function shellWord(text: string): string {
  if (PLAIN.test(text)) return text
  if (!UNSAFE.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`
  const escaped = Array.from(text.toWellFormed(), (character) => {
    if (character === "'" || character === '\\') return `\\${character}`
    return UNSAFE.test(character) ? octal(character) : character
  })
  return `$'${escaped.join('')}'`
}

function octal(character: string): string {
  return Array.from(new TextEncoder().encode(character), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}
