import { createServer } from 'node:net'

/** A port of the loopback that nothing listens on right now. With `wanted`: that one, or undefined when it is taken. */
export async function freePort(): Promise<number>
export async function freePort(wanted: number): Promise<number | undefined>
export async function freePort(wanted = 0): Promise<number | undefined> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (wanted !== 0 && (error.code === 'EADDRINUSE' || error.code === 'EACCES')) resolve(undefined)
      else reject(error)
    })
    server.listen({ host: '127.0.0.1', port: wanted, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined))
    })
  })
}
