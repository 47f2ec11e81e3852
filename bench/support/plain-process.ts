import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

import { plainEnvironment } from '../../test/support/plain-environment.ts'
import { now } from './clock.ts'
import { atExit } from './leftovers.ts'
import { memoryOf } from './memory-of.ts'

/** `node ARGS`, of which nothing is asked but what it prints. */
export class PlainProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #started = now()
  readonly #ended: Promise<number>
  readonly #waiting = new Map<string, PromiseWithResolvers<number>>()
  #said = ''

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, args, {
      env: plainEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const forget = atExit(() => this.#child.kill('SIGKILL'))
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => this.#hear(text))
    this.#ended = once(this.#child, 'exit').then(() => this.#gone(forget))
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** MiB in memory now. */
  get rss(): number {
    return memoryOf(this.pid)
  }

  /** Resolves when it has printed this, with the milliseconds from its start until then. */
  async says(text: string): Promise<number> {
    if (this.#said.includes(text)) throw new Error(`asked too late for ${text}`)
    const waiting = Promise.withResolvers<number>()
    this.#waiting.set(text, waiting)
    return await waiting.promise
  }

  /** Resolves when it has ended by itself and well, with the milliseconds that took. */
  async ends(): Promise<number> {
    const took = await this.#ended
    if (this.#child.exitCode !== 0) throw new Error(`ended with ${this.#child.exitCode ?? this.#child.signalCode}: ${this.#said}`)
    return took
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    await this.#ended
    clearTimeout(timer)
  }

  #hear(text: string): void {
    this.#said += text
    for (const [wanted, { resolve }] of this.#waiting) if (this.#said.includes(wanted)) resolve(now() - this.#started)
  }

  #gone(forget: () => void): number {
    forget()
    for (const [wanted, { reject }] of this.#waiting) reject(new Error(`ended before it said ${wanted}: ${this.#said}`))
    return now() - this.#started
  }
}
