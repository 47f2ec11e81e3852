import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'

import type { GuardMessage } from './guard.ts'
import { signalMongod, waitUntilGone } from './process-identity.ts'
import type { MongodIdentity } from './process-identity.ts'

// The end of the owner is the only thing that ends the guard.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

const mongods: MongodIdentity[] = []
const dirs: string[] = []

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as GuardMessage
  if ('mongod' in message) mongods.push(message.mongod)
  else if ('removeDir' in message) dirs.push(message.removeDir)
  else process.exit(0)
}

await Promise.all(
  mongods.map(async (mongod) => {
    await signalMongod(mongod, 'SIGKILL')
    await waitUntilGone(mongod, 30_000)
  }),
)
await Promise.all(dirs.map(async (dir) => rm(dir, { recursive: true, force: true, maxRetries: 5 })))
