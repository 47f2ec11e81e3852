import { createCipheriv, createHash } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import path from 'node:path'

const CHUNK = Buffer.alloc(1 << 20)

/** Bytes that look random and are the same in every run; `key` tells one file from another. */
export function* content(key: string, size: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', createHash('md5').update(key).digest(), Buffer.alloc(16))
  for (let left = size; left > 0; left -= CHUNK.length) yield cipher.update(left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK)
}

export interface WrittenFile {
  /** As in the document, with its root token. */
  readonly path: string
  /** Where it lies. */
  readonly absolutePath: string
  readonly size: number
  /** Lower-case hex. */
  readonly md5: string
}

/** Makes the files (their folders too) below a root, or below the root that each path names. The path decides the content. */
export async function writeFiles(
  root: string | Readonly<Record<string, string>>,
  files: Iterable<{ readonly path: string; readonly size?: number }>,
): Promise<WrittenFile[]> {
  const written: WrittenFile[] = []
  for (const file of files) {
    const absolutePath = resolveSeedPath(root, file.path)
    const size = file.size ?? 0
    await mkdir(path.dirname(absolutePath), { recursive: true })
    const md5 = createHash('md5')
    await using handle = await open(absolutePath, 'w')
    for (const chunk of content(file.path, size)) {
      md5.update(chunk)
      await handle.write(chunk)
    }
    written.push({ path: file.path, absolutePath, size, md5: md5.digest('hex') })
  }
  return written
}

/** The place of `{root}/…` or `{root[NAME]}/…`. Throws when the roots have no such name. */
export function resolveSeedPath(root: string | Readonly<Record<string, string>>, seedPath: string): string {
  const [, name, below] = /^\{root(?:\[([^\]]+)\])?\}\/(.+)$/s.exec(seedPath) ?? []
  const base = typeof root === 'string' ? (name === undefined ? root : undefined) : name === undefined ? undefined : root[name]
  if (base === undefined || below === undefined) throw new Error(`no root for ${seedPath} in ${JSON.stringify(root)}`)
  return path.join(base, below)
}
