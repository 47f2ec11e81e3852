import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'

import { onTestFinished } from 'vitest'

/** How often a request that this process makes from now on has had no byte for as long as a server is given. */
export function silences(): () => number {
  let count = 0
  const noted = (): void => void count++
  const hear = (message: unknown): void => {
    const { request } = message as { readonly request: ClientRequest }
    const listen = (socket: Socket): void => {
      socket.on('timeout', noted)
      request.once('close', () => socket.off('timeout', noted))
    }
    if (request.socket) listen(request.socket)
    else request.once('socket', listen)
  }
  subscribe('http.client.request.start', hear)
  onTestFinished(() => void unsubscribe('http.client.request.start', hear))
  return () => count
}
