import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { onTestFinished } from 'vitest'

import { loadSettings, type LoadedSettings } from '../../../src/config/load-settings.ts'
import { ConfigError } from '../../../src/errors.ts'

export type Json = Record<string, unknown>

export const gdrive = { provider: 'gdrive', root: '/My Drive' }

/** A folder with these files, gone after the test. */
export async function folderOf(files: Readonly<Record<string, string | Uint8Array | object>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'site-sync-config-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content))
  }
  return folder
}

export interface LoadOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly platform?: NodeJS.Platform
}

/** Loads a single file of this content. */
export async function load(content: string | Uint8Array | object, options: LoadOptions = {}): Promise<LoadedSettings & { folder: string }> {
  const folder = await folderOf({ 'settings.json': content })
  return { ...(await loadSettings(join(folder, 'settings.json'), options.env ?? {}, options.platform ?? 'linux')), folder }
}

/** The mistakes a configuration is refused for; anything else fails the test. */
export async function mistakesOf(loading: Promise<unknown>): Promise<ConfigError> {
  const outcome = await loading.then(
    () => 'the configuration was taken',
    (error: unknown) => error,
  )
  if (outcome instanceof ConfigError) return outcome
  throw new Error('no ConfigError', { cause: outcome })
}
