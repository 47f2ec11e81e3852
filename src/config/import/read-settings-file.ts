import { readFile } from 'node:fs/promises'

import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser'

import { ConfigError, messageOf } from '../../errors.ts'
import { registerSecretsIn } from '../register-secrets.ts'

/** One document, a list of them, or one a line as `mongoexport` writes them. Rejects with a `ConfigError`. */
export async function readSettingsFile(file: string): Promise<readonly unknown[]> {
  let text
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file))
  } catch (error) {
    throw new ConfigError(file, [{ key: 'FILE', value: file, expected: `a JSON file in UTF-8 that can be read (${messageOf(error)})` }])
  }
  const errors: ParseError[] = []
  const whole: unknown = parse(text, errors, { allowTrailingComma: true })
  const values = errors.length === 0 ? [whole].flat() : linesOf(text)
  if (!values) {
    const [first] = errors
    const line = text.slice(0, first?.offset).split('\n').length
    const expected = 'JSON: one document, a list of them, or one a line'
    throw new ConfigError(file, [{ key: `line ${line}`, value: first && printParseErrorCode(first.error), expected }])
  }
  registerSecretsIn(values)
  return values
}

function linesOf(text: string): readonly unknown[] | undefined {
  try {
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line): unknown => JSON.parse(line))
  } catch {
    return undefined
  }
}
