import { join } from 'node:path'

import type { LogAction } from '../../src/model/log.ts'
import type { Production } from './bench-server.ts'
import { nodeOptions } from './node-options.ts'
import { Program } from './program.ts'

/** A line of the log, or the call that hands a file to its provider: of which path below the root, and when by `now()`. */
export type Noted = readonly [action: LogAction | 'upload', path: string, at: number]

const GOOD: ReadonlySet<Noted[0]> = new Set(['transfer.started', 'upload', 'transfer.succeeded'])

export interface BenchServiceOptions {
  readonly general?: object
  readonly sites?: object
  /** All sites keep their files in memory: what is left is the bookkeeping. */
  readonly memory?: boolean
  /** Further options of Node. */
  readonly execArgv?: readonly string[]
}

/** The service on a production, ready for work. */
export class BenchService implements AsyncDisposable {
  readonly program: Program

  private constructor(program: Program) {
    this.program = program
  }

  static async start(
    production: Production,
    { memory = false, execArgv = [], ...config }: BenchServiceOptions = {},
  ): Promise<BenchService> {
    const program = new Program(new URL('probed-service.ts', import.meta.url), {
      args: ['--config', await production.config(config), ...(memory ? ['--memory'] : [])],
      execArgv: [...nodeOptions(), ...execArgv],
      output: join(production.dir, 'service.log'),
    })
    await program.ask('ready')
    return new BenchService(program)
  }

  /** Resolves when so many transfers have ended, counted from its start, with when the last one did. */
  async ended(count: number): Promise<number> {
    return await this.program.ask('ended', count)
  }

  /** What happened since it was asked last. Throws if a transfer ended otherwise than well. */
  async noted(): Promise<readonly Noted[]> {
    const noted = await this.program.ask<readonly Noted[]>('noted')
    const bad = noted.find(([action]) => !GOOD.has(action))
    if (bad) throw new Error(`${bad[0]}: ${bad[1]}`)
    return noted
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.end()
  }
}
