import { Writable } from 'node:stream'

import type { Terminal } from '../../../replica-set-dev/demo/screen.ts'

// oxlint-disable-next-line no-control-regex
const ERASE_OR_END = /(\u001b\[\d+A\r\u001b\[J|\n)/

interface FakeOptions {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** A terminal that understands "up" and "clear to the end", the two that the demo uses. */
export class FakeTerminal extends Writable implements Terminal {
  readonly isTTY: boolean
  readonly columns: number
  readonly rows: number
  written = ''

  constructor({ isTTY = true, columns = 80, rows = 24 }: FakeOptions = {}) {
    super({ decodeStrings: false })
    this.isTTY = isTTY
    this.columns = columns
    this.rows = rows
  }

  override _write(chunk: unknown, _: BufferEncoding, done: () => void): void {
    this.written += String(chunk)
    done()
  }

  /** The lines that stand there now. */
  shown(): string[] {
    const lines: string[] = []
    const parts = this.written.split(ERASE_OR_END)
    for (const part of parts) {
      const [, up] = part.startsWith('\u001b') ? (/(\d+)/.exec(part) ?? []) : []
      if (up !== undefined) lines.splice(lines.length - Number(up))
      else if (part !== '\n' && part !== '') lines.push(part)
    }
    return lines
  }
}
