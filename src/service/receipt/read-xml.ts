import sax, { type SAXParser } from 'sax'

/** Characters of one text at most: no name of a file, and no hash, is as long. */
const MAX_TEXT = 10_000

export interface ElementEvents {
  readonly open?: (name: string, attributes: Readonly<Record<string, string>>) => void
  /** `text`: what stands in it behind its last element, or all of it where it has none. */
  readonly close: (name: string, text: string) => void
}

/** Reads XML in UTF-8 as it comes, and tells of its elements by their names without prefix. Rejects where it is not well-formed. */
export async function readXml(bytes: AsyncIterable<Uint8Array>, { open, close }: ElementEvents): Promise<void> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const parser = sax.parser(true)
  let text = ''
  const add = (more: string): void => {
    text += more
    if (text.length > MAX_TEXT) throw new Error(`a text of more than ${MAX_TEXT} characters`)
  }
  const events: Pick<SAXParser, 'ontext' | 'oncdata' | 'onopentag' | 'onclosetag' | 'onerror'> = {
    ontext: add,
    oncdata: add,
    onopentag({ name, attributes }) {
      text = ''
      open?.(localName(name), attributes as Record<string, string>)
    },
    onclosetag(name) {
      close(localName(name), text)
      text = ''
    },
    onerror(error) {
      throw new Error(error.message.replaceAll('\n', ' '))
    },
  }
  Object.assign(parser, events)
  for await (const chunk of bytes) parser.write(decoder.decode(chunk, { stream: true }))
  parser.write(decoder.decode()).close()
}

const localName = (name: string): string => name.slice(name.indexOf(':') + 1)
