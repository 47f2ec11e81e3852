import { withoutSecrets } from '../secrets.ts'
import { escapeJson } from './printable.ts'
import { redact } from './redact.ts'

/** Keys of commands, which are not to be changed but where they hold a known secret: a part that is cut out may change what is left. */
const COMMANDS: ReadonlySet<string> = new Set(['fix', 'command'])

/** A value as one line of JSON without secrets in it, which reads the same and plays no tricks with a terminal. */
export function jsonText(value: unknown): string {
  return escapeJson(JSON.stringify(value, cleanItem))
}

function cleanItem(key: string, item: unknown): unknown {
  if (typeof item !== 'string') return item
  return COMMANDS.has(key) ? withoutSecrets(item) : redact(item)
}
