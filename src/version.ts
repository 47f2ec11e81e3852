import { readFileSync } from 'node:fs'

/** Of this program. */
export function version(): string {
  const { version: said } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
  return said
}
