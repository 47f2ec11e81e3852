import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { startGuard, type Guard } from '../guard.ts'
import type { Screen } from './screen.ts'

/** Puts away what it is told of, also when this process is killed. It is released last. */
export function demoGuard(stack: AsyncDisposableStack, screen: Screen): Guard {
  const guard = startGuard((note) => screen.print(note))
  stack.defer(() => guard.tell({ done: true }))
  return guard
}

/** The demo's own folder. Whoever asks for it removes it; the guard does when nobody can. */
export async function demoFolder(guard: Guard, keep: boolean): Promise<string> {
  const dir = await realpath(await mkdtemp(path.join(tmpdir(), 'site-sync-demo-')))
  if (!keep) guard.tell({ removeDir: dir })
  return dir
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}
