import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { promisify } from 'node:util'

/**
 * A proxy for programs that know no other address than the real one of Google: whatever they want to reach by HTTPS, they reach this
 * server. They must trust its certificate. Bytes go on as they are, without the encryption.
 */
export class TlsFront implements AsyncDisposable {
  readonly certificate: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, certificate: string) {
    this.#server = server
    this.certificate = certificate
  }

  /** Rejects when there is no `openssl` to make a certificate with; `dir` is where it is kept. */
  static async start(host: string, target: string, dir: string): Promise<TlsFront> {
    const [key, certificate] = [join(dir, 'front-key.pem'), join(dir, 'front.pem')]
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', certificate]
    const named = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
    await promisify(execFile)('openssl', ['req', '-x509', ...made, '-days', '2', ...named])
    const secureContext = createSecureContext({ key: await readFile(key), cert: await readFile(certificate) })
    const server = createServer()
    const front = new TlsFront(server, certificate)
    const { port } = new URL(target)
    server.on('connect', (_request, socket: Socket) => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      const plain = new TLSSocket(socket.setNoDelay(true), { isServer: true, secureContext })
      const further = connect(Number(port), '127.0.0.1').setNoDelay(true)
      for (const end of [socket, plain, further]) front.#keep(end, [socket, plain, further])
      plain.pipe(further).pipe(plain)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return front
  }

  /** For `HTTPS_PROXY`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #keep(socket: Socket, together: readonly Socket[]): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      for (const other of together) other.destroy()
    })
  }
}
