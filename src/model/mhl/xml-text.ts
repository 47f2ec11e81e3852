/** XML 1.0 holds neither of these, not even escaped: control characters but tab and line ends, halves of surrogate pairs, U+FFFE, U+FFFF. */
const UNFIT = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u

/** The first character that XML 1.0 can't hold, as `U+0007`; undefined when there is none. */
export function unfitForXml(text: string): string | undefined {
  const code = UNFIT.exec(text)?.[0].codePointAt(0)
  return code === undefined ? undefined : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}

/** The same text with a mark where XML 1.0 can't hold what stands there: for what people read, not for names of files. */
export function fitForXml(text: string): string {
  return text.replaceAll(new RegExp(UNFIT, 'gu'), '\uFFFD')
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/**
 * Text for an element or an attribute in double quotes. Tabs and line ends are written as numbers: a reader would take a carriage return
 * for a line feed, and in an attribute all three for a space.
 *
 * @throws RangeError for what XML can't hold.
 */
export function xmlText(text: string): string {
  const unfit = unfitForXml(text)
  if (unfit !== undefined) throw new RangeError(`XML can't hold ${unfit}`)
  return text.replaceAll(/[&<>"\t\n\r]/g, (character) => ESCAPES[character] ?? `&#${character.charCodeAt(0)};`)
}
