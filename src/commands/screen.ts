import type { Line, Size, Style } from './live-status/render.ts'

const ESC = '\u001b['
/** The other screen, so that what was on the terminal is there afterwards; no cursor; long lines are cut off, not wrapped. */
const BEGIN = `${ESC}?1049h${ESC}?25l${ESC}?7l${ESC}2J`
const END = `${ESC}?7h${ESC}?25h${ESC}?1049l`
const HOME = `${ESC}H`
const REST_OF_LINE = `${ESC}K`
const REST_OF_SCREEN = `${ESC}J`
const COLORS: Readonly<Record<Style, string>> = { bold: '1', soft: '2', good: '32', warn: '33', bad: '31', accent: '36' }
/** Ctrl-C and Ctrl-D are keys like others on a raw terminal. */
const ENDING = new Set(['q', 'Q', '\u0003', '\u0004'])
const SMALLEST: Size = { columns: 80, rows: 24 }

export interface ScreenParts {
  /** Somebody pressed q or Ctrl-C. */
  readonly ended: () => void
  readonly resized: () => void
}

/** Can something be drawn, and ended by a key? */
export function isScreen(): boolean {
  return process.stdout.isTTY && process.stdin.isTTY && process.env['TERM'] !== 'dumb'
}

/** The terminal as a whole, while something is drawn on it; as it was, afterwards. */
export class Screen implements Disposable {
  readonly #parts: ScreenParts
  readonly #isColored = (process.env['NO_COLOR'] ?? '') === ''
  #drawn = ''
  readonly #key = (key: Buffer): void => {
    if (ENDING.has(key.toString().slice(0, 1))) this.#parts.ended()
  }
  readonly #resized = (): void => {
    this.#drawn = ''
    this.#parts.resized()
  }
  readonly #signalled = (): void => this.#parts.ended()

  constructor(parts: ScreenParts) {
    this.#parts = parts
    process.stdin.setRawMode(true).resume().on('data', this.#key)
    process.stdout.on('resize', this.#resized).write(BEGIN)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, this.#signalled)
  }

  get size(): Size {
    const { columns, rows } = process.stdout
    return { columns: columns || SMALLEST.columns, rows: rows || SMALLEST.rows }
  }

  /** What `render` made, without secrets and characters that steer. In one write, over what is there: nothing flickers. What is as it was is not written again. */
  draw(lines: readonly Line[]): void {
    const text = lines.map((line) => `${line.map((span) => this.#styled(span)).join('')}${REST_OF_LINE}`).join('\r\n')
    if (text === this.#drawn) return
    this.#drawn = text
    process.stdout.write(`${HOME}${text}${REST_OF_SCREEN}`)
  }

  [Symbol.dispose](): void {
    process.stdin.off('data', this.#key).setRawMode(false).pause()
    process.stdout.off('resize', this.#resized).write(END)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, this.#signalled)
  }

  #styled({ text, style }: Line[number]): string {
    return style === undefined || !this.#isColored ? text : `${ESC}${COLORS[style]}m${text}${ESC}0m`
  }
}
