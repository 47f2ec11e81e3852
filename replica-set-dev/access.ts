import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** Who comes into a protected replica set: its members, by the key, and its owner, by the password. */
export interface Access {
  /** Readable by its owner alone; mongod refuses any other. */
  readonly keyFile: string
  readonly key: string
  readonly password: string
}

/** The one user of a protected set; may do everything. */
export const OWNER = 'site-sync'

export const KEY_FILE_NAME = 'key'

/** Finds the key in the folder, or makes one. */
export async function accessIn(dir: string, password: string = randomBytes(24).toString('base64url')): Promise<Access> {
  const keyFile = path.join(dir, KEY_FILE_NAME)
  const made = randomBytes(96).toString('base64')
  try {
    await writeFile(keyFile, made, { mode: 0o600, flag: 'wx' })
    return { keyFile, key: made, password }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return { keyFile, key: (await readFile(keyFile, 'utf8')).trim(), password }
  }
}
