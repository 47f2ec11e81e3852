import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const MAIN = join(import.meta.dirname, '../../src/main.ts')

/** What an instance says of a transfer that succeeded. */
export interface Success {
  readonly at: number
  readonly site: string
  readonly sent: number
}

/** One instance of the service, which dies and comes back. */
export class Instance {
  readonly #config: string
  readonly #onSuccess: (success: Success) => void
  #child: ChildProcess | undefined
  #ready = Promise.withResolvers<void>()

  constructor(config: string, onSuccess: (success: Success) => void) {
    this.#config = config
    this.#onSuccess = onSuccess
  }

  start(): void {
    const child = spawn(process.execPath, [MAIN, 'run', '--config', this.#config], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child = child
    this.#ready = Promise.withResolvers()
    createInterface({ input: child.stdout }).on('line', (line) => this.#read(line))
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Takes work, after its last start: before, no signal is heard. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    child.kill(signal)
    const [code] = (await once(child, 'exit')) as [number | null]
    return code
  }

  #read(text: string): void {
    const line = JSON.parse(text) as { event: { action: string }; site_sync?: { site?: string; sent_bytes?: number } }
    if (line.event.action === 'service.ready') this.#ready.resolve()
    if (line.event.action !== 'transfer.succeeded') return
    this.#onSuccess({ at: performance.now(), site: line.site_sync?.site ?? '', sent: line.site_sync?.sent_bytes ?? 0 })
  }
}
