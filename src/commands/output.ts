import { once } from 'node:events'

import { jsonText } from '../logging/json-text.ts'
import { printable } from '../logging/printable.ts'
import { redact } from '../logging/redact.ts'
import { withoutSecrets } from '../secrets.ts'
import { table } from './table.ts'

/** What the commands say. Nothing leaves the process but through here and the log: no secret, and nothing that steers a terminal. */

// Whoever reads may have enough (`site-sync status | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

/** Writes one line, whatever stands in it. */
export function print(line: string): void {
  process.stdout.write(`${printable(redact(line))}\n`)
}

/** Writes a command, on a line of its own. */
export function printCommand(command: string): void {
  process.stdout.write(`      ${printable(withoutSecrets(command))}\n`)
}

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  process.stdout.write(
    `${table(
      head,
      rows.map((row) => row.map((cell) => printable(redact(cell)))),
    )}\n`,
  )
}

/** Writes a value as a line of JSON, which reads the same and plays no tricks either. */
export function printJson(value: unknown): void {
  process.stdout.write(`${jsonText(value)}\n`)
}

/** Writes a new token, the one secret that is meant to be seen. */
export function printToken(token: string): void {
  process.stdout.write(`${token}\n`)
}

export function printTokenJson(rest: object, token: string): void {
  process.stdout.write(`${jsonText(rest).slice(0, -1)},"token":${JSON.stringify(token)}}\n`)
}

/** Waits while the reader does not keep up. */
async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** Writes one JSON object with a list in it that is too long to be held, no faster than it is read; `rest` is asked for at the end. */
export async function printJsonList(key: string, items: AsyncIterable<unknown>, rest: () => object): Promise<void> {
  await write(`{${JSON.stringify(key)}:[`)
  let isFirst = true
  for await (const item of items) {
    await write(`${isFirst ? '' : ','}${jsonText(item)}`)
    isFirst = false
  }
  await write(`],${jsonText(rest()).slice(1)}\n`)
}

/** Writes what is wrong to standard error; it may have several lines. */
export function complain(text: string): void {
  const lines = text.split('\n').map((line) => printable(redact(line)))
  process.stderr.write(`${lines.join('\n')}\n`)
}
