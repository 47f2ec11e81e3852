import { fitForXml, xmlText } from './xml-text.ts'

/** The folder of a history, in the folder that it is about, and its chain. */
export const HISTORY_FOLDER = 'ascmhl'
export const CHAIN_FILE = 'ascmhl_chain.xml'

/** Hashes of the format that can be computed here. */
export type HashFormat = 'md5' | 'sha1' | 'c4'

/** A file as a manifest states it. */
export interface ManifestFile {
  /** Below the folder that the history is about, with slashes. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  readonly modified: Date | undefined
  readonly format: HashFormat
  readonly hash: string
  /** `original`: no earlier generation has it; `verified`: one has it, with this hash. */
  readonly action: 'original' | 'verified'
  /** When the hash was read, or computed. */
  readonly hashed: Date
}

/** Who made a manifest, when and with what. */
export interface ManifestHead {
  readonly created: Date
  readonly host: string
  readonly tool: { readonly name: string; readonly version: string }
  readonly author: string
  /** Where the files are, in words. */
  readonly location: string
  /** Patterns of files that the history is not about, as `.gitignore` has them. */
  readonly ignored: readonly string[]
}

/** One generation of a history in the form ASC MHL 2.0, piece by piece. Each file is asked for when its turn comes. */
export function* manifestXml(head: ManifestHead, files: Iterable<ManifestFile>): Generator<string> {
  const { created, host, tool, author, location, ignored } = head
  yield `<?xml version="1.0" encoding="UTF-8"?>
<hashlist version="2.0" xmlns="urn:ASC:MHL:v2.0">
  <creatorinfo>
    <creationdate>${dateText(created)}</creationdate>
    <hostname>${said(host)}</hostname>
    <tool version="${said(tool.version)}">${said(tool.name)}</tool>
    <author>${said(author)}</author>
    <location>${said(location)}</location>
  </creatorinfo>
  <processinfo>
    <process>in-place</process>
    <ignore>
${ignored.map((pattern) => `      <pattern>${said(pattern)}</pattern>\n`).join('')}    </ignore>
  </processinfo>
  <hashes>
`
  for (const file of files) yield fileXml(file)
  yield '  </hashes>\n</hashlist>\n'
}

const said = (text: string): string => xmlText(fitForXml(text))

function fileXml({ path, size, modified, format, hash, action, hashed }: ManifestFile): string {
  const time = modified && isPlainYear(modified) ? ` lastmodificationdate="${dateText(modified)}"` : ''
  return `    <hash>
      <path size="${size}"${time}>${xmlText(path)}</path>
      <${format} action="${action}" hashdate="${dateText(hashed)}">${xmlText(hash)}</${format}>
    </hash>
`
}

/** What is beyond is no date in XML, or only by some readers. */
function isPlainYear(date: Date): boolean {
  const year = date.getUTCFullYear()
  return year >= 1 && year <= 9999
}

function dateText(date: Date): string {
  return date.toISOString().replace('Z', '+00:00')
}

/** One generation in the chain of a history. */
export interface ChainLink {
  readonly number: number
  /** The manifest's, in the folder of the history. */
  readonly path: string
  /** The C4 id of the manifest. */
  readonly c4: string
}

/** The list of all generations, by which each of them can be checked. */
export function chainXml(links: readonly ChainLink[]): string {
  const lines = links.map(
    ({ number, path, c4 }) => `  <hashlist sequencenr="${number}">
    <path>${xmlText(path)}</path>
    <c4>${xmlText(c4)}</c4>
  </hashlist>
`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ascmhldirectory xmlns="urn:ASC:MHL:DIRECTORY:v2.0">\n${lines.join('')}</ascmhldirectory>\n`
}

/** The number of a generation, by the name of its manifest; undefined when it is not named as the format asks for. */
export function generationOf(manifest: string): number | undefined {
  const digits = /^(\d{4,})(?:_.+)?\.mhl$/.exec(manifest)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** Characters of a folder's name that go into that of a manifest at most. */
const MAX_FOLDER_NAME = 60

/** A manifest's name: number, folder and time. `root` may be a path of any system, an id or a URL. */
export function manifestName(number: number, root: string, created: Date): string {
  const folder = root.split(/[/\\]/).findLast((name) => name !== '') ?? ''
  const name = Array.from(folder.normalize('NFC').replaceAll(/[^\p{L}\p{N}\p{M}._ -]/gu, '_'))
    .slice(0, MAX_FOLDER_NAME)
    .join('')
  const [date = '', time = ''] = created.toISOString().split('T')
  const stamp = `${date}_${time.slice(0, 8).replaceAll(':', '')}Z`
  return `${String(number).padStart(4, '0')}_${name === '' ? 'root' : name}_${stamp}.mhl`
}
