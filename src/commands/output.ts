import { once } from 'node:events'

import { escapeJson, printable } from '../logging/printable.ts'
import { redact } from '../logging/redact.ts'
import { withoutSecrets } from '../secrets.ts'
import { table } from './table.ts'

/** What the commands say. Nothing leaves the process but through here and the log: no secret, and nothing that steers a terminal. */

// Whoever reads may have enough (`site-sync status | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

/** Keys of commands, which are not to be changed but where they hold a known secret: a part that is cut out may change what is left. */
const COMMANDS: ReadonlySet<string> = new Set(['fix', 'command'])

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
  process.stdout.write(`${escapeJson(JSON.stringify(value, cleanItem))}\n`)
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
    await write(`${isFirst ? '' : ','}${escapeJson(JSON.stringify(item, cleanItem))}`)
    isFirst = false
  }
  await write(`],${escapeJson(JSON.stringify(rest(), cleanItem)).slice(1)}\n`)
}

function cleanItem(key: string, item: unknown): unknown {
  if (typeof item !== 'string') return item
  return COMMANDS.has(key) ? withoutSecrets(item) : redact(item)
}

/** Writes what is wrong to standard error; it may have several lines. */
export function complain(text: string): void {
  const lines = text.split('\n').map((line) => printable(redact(line)))
  process.stderr.write(`${lines.join('\n')}\n`)
}
