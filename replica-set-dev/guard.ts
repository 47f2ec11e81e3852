import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import type { MongodIdentity } from './process-identity.ts'

/** What the guard is told, one JSON object a line. */
export type GuardMessage = { readonly mongod: MongodIdentity } | { readonly removeDir: string } | { readonly done: true }

export interface Guard {
  tell(message: GuardMessage): void
}

/**
 * Starts a small process that outlives this one. It holds a pipe to us; when the pipe closes and nobody said `done` (we were
 * killed, or ended without a stop), it ends the mongods it was told of and removes the folders.
 */
export function startGuard(onNote: (note: string) => void): Guard {
  const child = spawn(process.execPath, [fileURLToPath(new URL('guard-process.ts', import.meta.url))], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    windowsHide: true,
    // Loaders of a test runner have no business in the guard.
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  let finished = false
  const lost = (how: string): void => {
    if (!finished) onNote(`the guard process ${how}: a killed owner would leave its mongods running`)
    finished = true
  }
  child.once('error', (error) => lost(`can't be started (${error.message})`))
  child.once('exit', (code, signal) => lost(`ended (${code ?? signal})`))
  child.stdin.on('error', () => lost('closed its pipe'))
  child.unref()
  ;(child.stdin as unknown as { unref(): void }).unref()
  return {
    tell(message) {
      if (finished) return
      finished = 'done' in message
      child.stdin.write(`${JSON.stringify(message)}\n`)
      if (finished) child.stdin.end()
    },
  }
}
