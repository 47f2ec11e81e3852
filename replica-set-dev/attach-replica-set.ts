import { accessIn } from './access.ts'
import { ReplicaSet } from './replica-set.ts'
import { isRunning } from './process-identity.ts'
import { memberPaths, readState, writeState } from './state-file.ts'
import type { SavedReplicaSet } from './state-file.ts'

/**
 * The replica set that an earlier process started in this folder and left running (or left behind, stopped). Undefined when there is
 * none. It is not ours to guard: its members run on when this process ends.
 */
export async function attachReplicaSet(dir: string): Promise<ReplicaSet | undefined> {
  const saved = await readState(dir)
  if (saved === undefined) return undefined
  const running = new Set(await runningMembers(dir, saved))
  const access = saved.password === undefined ? undefined : await accessIn(dir, saved.password)
  return new ReplicaSet({
    dir,
    members: saved.members.map(({ port, pid }, index) => ({
      index,
      port,
      pid: running.has(index) ? pid : undefined,
      ...memberPaths(dir, index),
    })),
    options: { ...saved, access },
    temporary: false,
    save: async ({ uri, members }) => writeState(dir, { ...saved, uri, members: members.map(({ port, pid }) => ({ port, pid })) }),
    onSpawn: () => {},
    onStopped: () => {},
  })
}

/** Indexes of the members whose process is there. */
export async function runningMembers(dir: string, saved: SavedReplicaSet | undefined): Promise<number[]> {
  const members = saved?.members ?? []
  const alive = await Promise.all(
    members.map(async ({ pid }, index) => pid !== undefined && isRunning({ pid, ...memberPaths(dir, index) })),
  )
  return members.flatMap((_, index) => (alive[index] === true ? [index] : []))
}
