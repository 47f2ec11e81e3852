import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { onTestFinished } from 'vitest'

import type { InstancePlan, PointReached, SourceOpened } from './crash-point.ts'
import { LogLines } from './log-recorder.ts'
import { plainEnvironment } from './plain-environment.ts'
import { waitFor } from './wait-for.ts'

const PROGRAM = fileURLToPath(new URL('./crashing-service.ts', import.meta.url))
const CLOCK_SHIFT = new URL('./clock-shift.ts', import.meta.url).href

export interface InstanceOptions {
  readonly plan?: InstancePlan
  /** How wrong its wall clock is. */
  readonly clockShiftMs?: number
  readonly cwd?: string
  /** Instead of this machine's own. */
  readonly home?: string
}

/** One of several instances, as a process that can be killed, frozen and thawed. It is gone when the test ends. */
export class InstanceProcess {
  readonly lines = new LogLines()
  /** Points of its plan at which transfers are. */
  readonly reached: PointReached[] = []
  /** Files that were read, and from where on. */
  readonly opened: SourceOpened[] = []
  stderr = ''
  readonly #child: ChildProcess
  readonly #ended: Promise<number | NodeJS.Signals>

  constructor(config: string, { plan = {}, clockShiftMs, cwd, home }: InstanceOptions = {}) {
    const preload = clockShiftMs === undefined ? [] : ['--import', CLOCK_SHIFT]
    const env = { ...plainEnvironment(), ...(home !== undefined && { HOME: home }), CLOCK_SHIFT_MS: String(clockShiftMs ?? 0) }
    this.#child = spawn(process.execPath, [...preload, PROGRAM, '--config', config, '--plan', JSON.stringify(plan)], {
      env,
      ...(cwd !== undefined && { cwd }),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.lines.add(text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.#child.on('message', (message: PointReached | SourceOpened) => {
      if ('point' in message) this.reached.push(message)
      else this.opened.push(message)
    })
    this.#ended = once(this.#child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
    onTestFinished(async () => {
      this.#child.kill('SIGKILL')
      await this.#ended
    })
  }

  static async start(config: string, options: InstanceOptions = {}): Promise<InstanceProcess> {
    const instance = new InstanceProcess(config, options)
    await instance.ready()
    return instance
  }

  async ready(): Promise<void> {
    await this.lines.until('service.ready', 1, { withinMs: 30_000, seen: () => [this.stderr, this.lines.summary()] })
  }

  /** So many transfers are at the point of the plan. */
  async at(transfers = 1): Promise<void> {
    await waitFor(`${transfers} transfers at the point`, () => this.reached.length >= transfers, {
      withinMs: 20_000,
      seen: () => [this.reached, this.stderr, this.lines.summary()],
    })
  }

  /** What is held goes on. */
  go(): void {
    this.#child.send({ go: true })
  }

  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  /** Ends it as a power cut does. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Its end, whatever brought it. */
  async ended(withinMs = 30_000): Promise<number | NodeJS.Signals> {
    await waitFor('its end', () => this.#child.exitCode !== null || this.#child.signalCode !== null, {
      withinMs,
      seen: () => [this.stderr, this.lines.summary()],
    })
    return await this.#ended
  }

  /** Ends it in good order, and checks that it went well: exit code 0, nothing on stderr, every attempt ended once. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const end = await this.ended()
    const unpaired = this.lines.unpaired()
    if (end !== 0 || this.stderr !== '' || unpaired.length > 0) throw new Error(`ended with ${end}: ${this.stderr} ${unpaired.join(' ')}`)
  }
}
