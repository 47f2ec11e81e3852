import { mkdirSync, readdirSync, renameSync, symlinkSync, unlinkSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * A process of its own that swaps what is below `root` for links out of it, and back, as fast as it can: folders, files, and the temporary
 * files of whoever writes there. Tells its parent how often it did, and ends with it.
 */
const [root = '', outside = '', ...paths] = process.argv.slice(2)
const trash = join(root, 'trash')
let swaps = 0
let moved = 0

mkdirSync(trash, { recursive: true })
process.on('disconnect', () => process.exit())

/** Others are at work here, too: what is not there any more, or is there again, is left. */
function attempt(work: () => void): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}

function putLink(path: string, target: string): void {
  if (attempt(() => symlinkSync(target, path))) swaps++
}

function swap(path: string, target: string): void {
  const away = join(trash, `${basename(path)}-${moved++}`)
  if (!attempt(() => renameSync(path, away))) return
  putLink(path, target)
  attempt(() => unlinkSync(path))
  if (attempt(() => renameSync(away, path))) return
  // A folder of that name was made meanwhile.
  attempt(() => renameSync(path, join(trash, `made-${moved++}`)))
  attempt(() => renameSync(away, path))
}

function swapTemporaryFiles(folder: string): void {
  attempt(() => {
    for (const name of readdirSync(folder)) {
      if (name.startsWith('.site-sync-') && moved++ % 3 === 0) {
        attempt(() => unlinkSync(join(folder, name)))
        putLink(join(folder, name), join(outside, 'victim'))
      }
      if (name.startsWith('new-')) swap(join(folder, name), outside)
    }
  })
}

function round(): void {
  for (const path of paths) {
    const target = join(outside, path)
    swap(join(root, path), target)
    swapTemporaryFiles(join(root, path))
  }
  process.send?.(swaps, () => {})
  setImmediate(round)
}
round()
