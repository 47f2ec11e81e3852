import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync, closeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { plainEnvironment } from '../../test/support/plain-environment.ts'
import { atExit } from './leftovers.ts'
import type { Answer } from './served.ts'

export interface ProgramOptions {
  readonly args?: readonly string[]
  /** Options of Node itself. */
  readonly execArgv?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Where its standard output goes, as a service's log goes to a file. @defaultValue nowhere */
  readonly output?: string
}

/** A program of the benchmark as a process of its own (see `served.ts`), which ends with this one. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #ended: Promise<unknown>
  readonly #forget: () => void
  #stderr = ''
  #next = 1

  constructor(file: URL, { args = [], execArgv = [], env = {}, output }: ProgramOptions = {}) {
    const stdout = output === undefined ? 'ignore' : openSync(output, 'a')
    this.#child = spawn(process.execPath, [...execArgv, fileURLToPath(file), ...args], {
      env: { ...plainEnvironment(), ...env },
      stdio: ['ignore', stdout, 'pipe', 'ipc'],
    })
    if (typeof stdout === 'number') closeSync(stdout)
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    this.#child.on('message', (message) => this.#answered(message as Answer))
    this.#forget = atExit(() => this.#child.kill('SIGKILL'))
    this.#ended = once(this.#child, 'close')
    void this.#ended.then(() => {
      for (const { reject } of this.#asked.values()) reject(new Error(`the program has ended: ${this.#stderr}`))
      return undefined
    })
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** What the program's handler of that name answers. */
  async ask<T>(name: string, of?: unknown): Promise<T> {
    const id = this.#next++
    const asked = Promise.withResolvers<unknown>()
    this.#asked.set(id, asked)
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.send({ id, name, of })
    else asked.reject(new Error(`the program has ended: ${this.#stderr}`))
    return (await asked.promise.finally(() => this.#asked.delete(id))) as T
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal)
    await this.#ended
    this.#forget()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL')
  }

  #answered(answer: Answer): void {
    const asked = this.#asked.get(answer.id)
    if ('fault' in answer) asked?.reject(new Error(answer.fault))
    else asked?.resolve(answer.value)
  }
}
