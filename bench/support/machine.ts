import { execFile } from 'node:child_process'
import { availableParallelism, cpus, totalmem, type as osType, release, arch } from 'node:os'
import { promisify } from 'node:util'

import { findMongod } from '../../replica-set-dev/find-mongod.ts'

/** Where figures come from. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  readonly mongod: string
}

export async function describeMachine(): Promise<Machine> {
  const { path } = await findMongod({ onNote: () => {} })
  const { stdout } = await promisify(execFile)(path, ['--version'])
  return {
    cpu: cpus()[0]?.model.trim() ?? arch(),
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${osType()} ${release()} ${arch()}`,
    node: process.versions.node,
    mongod: /v(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? 'unknown',
  }
}
