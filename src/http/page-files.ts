import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly type: string
  readonly body: Buffer
  /** A validator of the content: a browser that has it is not sent it again. */
  readonly etag: string
}

const PAGE = fileURLToPath(new URL('./page/', import.meta.url))
const ICONS = fileURLToPath(new URL('../providers/icons/', import.meta.url))

/** Each is one module that imports no other, so a browser takes it as it is. */
const LIBRARIES = { '/page/preact.js': import.meta.resolve('preact'), '/page/htm.js': import.meta.resolve('htm') } as const

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

/** All files of the page by their address; nothing else is served, whatever an address says. */
export async function pageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>()
  for (const [folder, address] of [
    [PAGE, '/page/'],
    [ICONS, '/page/icons/'],
  ] as const) {
    for (const path of await filesBelow(folder)) {
      const type = TYPES[extname(path)]
      if (type !== undefined) files.set(`${address}${path}`, pageFile(type, await readFile(join(folder, path))))
    }
  }
  for (const [address, url] of Object.entries(LIBRARIES)) {
    const body = await readFile(fileURLToPath(url))
    files.set(address, pageFile('text/javascript; charset=utf-8', body))
  }
  const index = files.get('/page/index.html')
  files.delete('/page/index.html')
  if (index) files.set('/', index)
  return files
}

function pageFile(type: string, body: Buffer): PageFile {
  return { type, body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
}

/** With slashes, below the folder. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
}
