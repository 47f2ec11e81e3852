// The fastest upload there can be: one session, one request, one buffer that is sent again and again, no file. Arguments: origin of the
// API, path of the account's key, id of the folder, name, bytes, and `hash` if the bytes are to be hashed as they leave. Prints a line of
// JSON: the seconds and the processor's seconds that it took.
import { createHash, createSign, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'

import { now } from './clock.ts'

const [origin = '', key = '', folder = '', name = '', size = '', hash = ''] = process.argv.slice(2)
const PIECE = 1024 * 1024

async function token(): Promise<string> {
  const { client_email: iss, private_key: privateKey } = JSON.parse(await readFile(key, 'utf8')) as Record<string, string>
  const iat = Math.floor(Date.now() / 1_000)
  const claims = { iss, aud: `${origin}/token`, scope: 'https://www.googleapis.com/auth/drive', iat, exp: iat + 3_600 }
  const unsigned = [{ alg: 'RS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  const signature = createSign('RSA-SHA256')
    .update(unsigned)
    .sign(privateKey as string, 'base64url')
  const body = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: `${unsigned}.${signature}` })
  const answer = await fetch(`${origin}/token`, { method: 'POST', body })
  return ((await answer.json()) as { access_token: string }).access_token
}

const total = Number(size)
const headers = { Authorization: `Bearer ${await token()}` }
const piece = randomBytes(PIECE)
const [startedAt, startedCpu] = [now(), process.cpuUsage()]
const session = await fetch(`${origin}/upload/drive/v3/files?uploadType=resumable&supportsAllDrives=true&fields=id,size,md5Checksum`, {
  method: 'POST',
  headers: { ...headers, 'Content-Type': 'application/json' },
  body: JSON.stringify({ name, parents: [folder] }),
})
const upload = request(session.headers.get('location') ?? '', {
  method: 'PUT',
  headers: { ...headers, 'Content-Length': total, 'Content-Range': `bytes 0-${total - 1}/${total}` },
})
upload.setNoDelay(true)
const md5 = hash === 'hash' ? createHash('md5') : undefined
const answered = once(upload, 'response')
for (let sent = 0; sent < total; sent += PIECE) {
  const next = total - sent < PIECE ? piece.subarray(0, total - sent) : piece
  md5?.update(next)
  if (!upload.write(next)) await once(upload, 'drain')
}
upload.end()
const [response] = (await answered) as [import('node:http').IncomingMessage]
const file = JSON.parse(await text(response)) as { size: string; md5Checksum: string }
if (Number(file.size) !== total || (md5 && md5.digest('hex') !== file.md5Checksum)) throw new Error(`it has ${JSON.stringify(file)}`)
const { user, system } = process.cpuUsage(startedCpu)
console.log(JSON.stringify({ seconds: (now() - startedAt) / 1_000, cpuSeconds: (user + system) / 1e6 }))
