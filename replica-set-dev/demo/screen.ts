import type { Writable } from 'node:stream'

import { StreamDestination } from '../../src/logging/destination.ts'
import { cut } from './progress-line.ts'

export interface Terminal extends Writable {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

const FRAME_MS = 100

/**
 * Where the demo speaks: lines, and on a terminal, below them, a few that are redrawn. Elsewhere there are lines alone. Goes on when
 * nobody reads any more.
 */
export class Screen {
  readonly isTerminal: boolean
  readonly useColors: boolean
  readonly #out: Terminal
  readonly #destination: StreamDestination
  #below: () => readonly string[] = () => []
  #drawn = 0
  #timer: NodeJS.Timeout | undefined

  constructor(out: Terminal, env: NodeJS.ProcessEnv = process.env) {
    this.#out = out
    this.#destination = new StreamDestination(out)
    this.isTerminal = out.isTTY === true && env['TERM'] !== 'dumb'
    this.useColors = this.isTerminal && !env['NO_COLOR']
  }

  /** Complete lines: what comes from documents or errors has to be printable already. */
  print(text = ''): void {
    this.#write(`${this.#erase()}${text}\n${this.#draw()}`)
  }

  /** Shows what `lines` gives, ten times a second, until `release` is called. On a terminal only. */
  keepBelow(lines: () => readonly string[]): () => void {
    if (!this.isTerminal) return () => {}
    this.#below = lines
    this.#timer = setInterval(() => this.redraw(), FRAME_MS)
    return () => {
      clearInterval(this.#timer)
      this.#below = () => []
      this.redraw()
    }
  }

  redraw(): void {
    if (this.isTerminal) this.#write(this.#erase() + this.#draw())
  }

  #erase(): string {
    const erased = this.#drawn > 0 ? `\u001b[${this.#drawn}A\r\u001b[J` : ''
    this.#drawn = 0
    return erased
  }

  #draw(): string {
    const { rows = 24, columns = 80 } = this.#out
    const most = Math.max(1, Math.min(8, rows - 4))
    const all = this.#below()
    const lines = all.length > most ? [...all.slice(0, most - 1), `… and ${all.length - most + 1} more`] : all
    this.#drawn = lines.length
    // A line that wraps could not be erased again.
    return lines.map((line) => `${cut(line, columns - 1)}\n`).join('')
  }

  #write(text: string): void {
    if (text !== '' && !this.#destination.isGone) this.#out.write(text)
  }
}
