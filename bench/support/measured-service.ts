import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import type { LogAction } from '../../src/model/log.ts'
import { plainEnvironment } from '../../test/support/plain-environment.ts'
import { cpuSecondsOf } from './cpu-time.ts'
import { nodeOptions } from './node-options.ts'
import { atExit } from './leftovers.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const ACTION = /"action":"([^"]+)"/
/** Of these there are many, and none is kept. */
const ORDINARY = new Set(['transfer.started', 'transfer.succeeded', 'scan.started', 'scan.finished'])
const MAX_WAIT_MS = 300_000

/** `site-sync run` as a process of its own, started as people start it: JSON lines at level info. Its lines are only counted. */
export class MeasuredService implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #forget: () => void
  readonly #counts = new Map<string, number>()
  /** What was out of the ordinary, for messages. */
  readonly #said: string[] = []
  readonly #waiting = new Set<() => void>()
  #rest = ''

  private constructor(config: string) {
    const env = plainEnvironment()
    this.#child = spawn(process.execPath, [...nodeOptions(), MAIN, 'run', '--config', config], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#said.push(text))
    this.#forget = atExit(() => this.#child.kill('SIGKILL'))
    this.#ended = once(this.#child, 'close').then(() => this.#tell())
  }

  /** Resolves when it is ready for work. */
  static async start(config: string): Promise<MeasuredService> {
    const service = new MeasuredService(config)
    await service.until('service.ready')
    return service
  }

  get pid(): number {
    return this.#child.pid as number
  }

  get cpuSeconds(): number {
    return cpuSecondsOf(this.pid)
  }

  count(action: LogAction): number {
    return this.#counts.get(action) ?? 0
  }

  /** Resolves when it has said so that many times, counted from its start. */
  async until(action: LogAction, times = 1): Promise<void> {
    const isOver = (): boolean => this.#child.exitCode !== null || this.#child.signalCode !== null
    const deadline = performance.now() + MAX_WAIT_MS
    while (this.count(action) < times) {
      if (isOver() || performance.now() > deadline)
        throw new Error(`${this.count(action)} of ${times} × ${action}: ${this.#said.slice(0, 20).join('\n')}`)
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      const timer = setTimeout(resolve, deadline - performance.now())
      await promise
      clearTimeout(timer)
      this.#waiting.delete(resolve)
    }
  }

  /** Ends it in good order. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    await this.#ended
    clearTimeout(timer)
    this.#forget()
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const action = ACTION.exec(line)?.[1] ?? ''
      this.#counts.set(action, (this.#counts.get(action) ?? 0) + 1)
      if (!ORDINARY.has(action) && this.#said.length < 1_000) this.#said.push(line)
    }
    this.#tell()
  }

  #tell(): void {
    for (const resolve of this.#waiting) resolve()
  }
}
