const END_OF_URI = /[\s"'<>]/g
const PORT = /^\d{1,5}(?:[/?#,]|$)/

/**
 * A text whose URIs have `mark` in the place of user name and password. A password may hold slashes and `@` that nobody escaped, so it
 * reaches to the last `@`; a port is not a password. Every character is looked at a bounded number of times: what a document's author
 * makes of a path must not stop the process.
 */
export function withoutUserinfo(text: string, mark: string): string {
  let clean = ''
  let copied = 0
  let end = 0
  let lastAt = -1
  for (let scheme = text.indexOf('://'); scheme !== -1; scheme = text.indexOf('://', Math.max(scheme + 3, copied))) {
    const start = scheme + 3
    if (start > end) {
      end = endOfUri(text, start)
      lastAt = start + text.slice(start, end).lastIndexOf('@')
    }
    const to = endOfUserinfo(text.slice(start, end), lastAt - start)
    if (to === -1) continue
    clean += text.slice(copied, start) + mark
    copied = start + to
  }
  return clean + text.slice(copied)
}

function endOfUri(text: string, start: number): number {
  END_OF_URI.lastIndex = start
  return END_OF_URI.exec(text)?.index ?? text.length
}

/** The index of the `@` behind it, or -1. */
function endOfUserinfo(uri: string, lastAt: number): number {
  if (lastAt < 0) return -1
  const first = uri.search(/[/@:]/)
  if (uri[first] === ':' && first < lastAt && !PORT.test(uri.slice(first + 1, first + 7))) return lastAt
  const authority = uri.search(/[/?#]/)
  return authority === -1 ? lastAt : uri.slice(0, authority).lastIndexOf('@')
}
