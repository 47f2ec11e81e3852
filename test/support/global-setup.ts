import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { TestProject } from 'vitest/node'

import { startReplicaSet } from '../../replica-set-dev/start-replica-set.ts'
import type { ReplicaSet } from '../../replica-set-dev/replica-set.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Whoever connects to this port of the loopback is told the address of the run's replica set, as JSON. */
    mongoDoor: number
  }
}

/** What the door answers. */
export type DoorAnswer = { readonly uri: string } | { readonly error: string }

/**
 * One replica set for the whole run, started when the first test asks for it: a run of unit tests alone pays nothing.
 * `SITE_SYNC_TEST_MONGO_URI` names one that runs already.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let started: Promise<ReplicaSet> | undefined
  const answer = async (): Promise<DoorAnswer> => {
    const given = process.env['SITE_SYNC_TEST_MONGO_URI']
    if (given !== undefined && given !== '') return { uri: given }
    started ??= startReplicaSet({ enableTestCommands: true })
    return started.then(
      ({ uri }) => ({ uri }),
      (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
    )
  }
  const sockets = new Set<Socket>()
  const door = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket)).on('error', () => {})
    void answer().then((message) => socket.end(JSON.stringify(message)))
  })
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  project.provide('mongoDoor', (door.address() as AddressInfo).port)

  return async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => door.close(resolve))
    const set = await started?.catch(() => undefined)
    await set?.stop()
  }
}
