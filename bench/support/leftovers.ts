import { rmSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const pending = new Set<() => void>()

process.on('exit', () => {
  // What was begun last ends first: nobody writes into a folder that is gone.
  for (const work of [...pending].toReversed()) work()
})

/** Also when the benchmark is interrupted. Gives a function that takes it back. */
export function atExit(work: () => void): () => void {
  pending.add(work)
  return () => void pending.delete(work)
}

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string
}

/** Goes when it is disposed of, or when the process ends. */
export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'site-sync-bench-')))
  const forget = atExit(() => rmSync(path, { recursive: true, force: true, maxRetries: 3 }))
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true, maxRetries: 3 })
      forget()
    },
  }
}
