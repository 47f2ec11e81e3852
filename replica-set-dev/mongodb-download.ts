import { lookup } from 'node:dns/promises'
import { connect } from 'node:net'
import path from 'node:path'

import { optionalImport } from './optional-import.ts'
import { cacheDir } from './user-dirs.ts'

const ANSWER_TIMEOUT_MS = 1500

async function memoryServer() {
  return optionalImport('mongodb-memory-server-core', async () => import('mongodb-memory-server-core'))
}

function downloadDir(): string {
  return process.env['MONGOMS_DOWNLOAD_DIR'] ?? path.join(cacheDir(), 'mongodb')
}

/** What mongodb-memory-server has downloaded before, for us or for another project of this user. */
export async function cachedFromMongoDb(): Promise<string | undefined> {
  const { DryMongoBinary } = await memoryServer()
  return DryMongoBinary.locateBinary(await DryMongoBinary.generateOptions({ downloadDir: downloadDir() }))
}

/**
 * Downloads MongoDB's own build for this system. The package locks its folder, so that two starts do not disturb each other.
 * Without `retries` a site that can't be reached costs milliseconds, not seconds.
 */
export async function downloadFromMongoDb({ retries }: { readonly retries: boolean }): Promise<string> {
  const { MongoBinary } = await memoryServer()
  // The setting has no other way in than the environment.
  const before = process.env['MONGOMS_MAX_RETRIES']
  if (!retries) process.env['MONGOMS_MAX_RETRIES'] = '0'
  try {
    return await MongoBinary.getPath({ downloadDir: downloadDir() })
  } finally {
    if (before === undefined) delete process.env['MONGOMS_MAX_RETRIES']
    else process.env['MONGOMS_MAX_RETRIES'] = before
  }
}

/** Has the host of the download an address, and does it take connections, within 1.5 s? */
export async function mongoDbAnswers(): Promise<boolean> {
  const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
  const late = new Promise<false>((resolve) => timeout.addEventListener('abort', () => resolve(false), { once: true }))
  const answers = async (): Promise<boolean> => {
    const url = await downloadUrl()
    const { address } = await lookup(url.hostname)
    return takesConnections(address, url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port), timeout)
  }
  return Promise.race([late, answers().catch(() => false)])
}

async function downloadUrl(): Promise<URL> {
  const { DryMongoBinary } = await memoryServer()
  const { MongoBinaryDownloadUrl } = await import('mongodb-memory-server-core/lib/util/MongoBinaryDownloadUrl.js')
  return new URL(await new MongoBinaryDownloadUrl(await DryMongoBinary.generateOptions({ downloadDir: downloadDir() })).getDownloadUrl())
}

async function takesConnections(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal })
    const done = (answer: boolean) => (): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', done(true)).once('error', done(false))
  })
}
