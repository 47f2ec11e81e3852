import { generateKeyPairSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const ACCOUNT_EMAIL = 'site-sync@fake-project.iam.gserviceaccount.com'

interface KeyPair {
  /** PEM. */
  readonly publicKey: string
  readonly privateKey: string
}

let pair: KeyPair | undefined

/** One pair a process: making one takes a while. */
export function accountKeyPair(): KeyPair {
  pair ??= generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  return pair
}

/** Writes a service account's JSON key; resolves with its path. */
export async function writeCredentials(directory: string, tokenUri: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  await mkdir(directory, { recursive: true })
  const path = join(directory, 'credentials.json')
  const key = {
    type: 'service_account',
    project_id: 'fake-project',
    private_key_id: 'fake-key',
    private_key: accountKeyPair().privateKey,
    client_email: ACCOUNT_EMAIL,
    client_id: '100000000000000000001',
    token_uri: tokenUri,
    ...more,
  }
  await writeFile(path, JSON.stringify(key, undefined, 2), { mode: 0o600 })
  return path
}
