import { createRequire } from 'node:module'
import type { Socket } from 'node:net'

/** What is used of the driver's `Connection`, which it does not export. */
interface Connection {
  readonly closed: boolean
  readonly socket: Socket
  /** Called for whatever ends a connection, more than once. */
  cleanup: (this: Connection, error: Error) => void
}

const driver = createRequire(import.meta.url)('mongodb/lib/cmap/connection.js') as { Connection: { readonly prototype: Connection } }
const { prototype } = driver.Connection

/**
 * Mends the driver (7.9.0), where a command never ends that is written to a socket which has just been closed. The event `close` comes at the
 * end of the turn of the event loop. Until then the connection seems to be open, but a write returns `false`, as it does when the buffer is
 * full, and the driver waits for `drain`, without a time limit. Now that event follows `close`: the driver then looks for an error of the
 * connection, and retries the command elsewhere. Called once a process.
 */
export function endWritesWhenClosed(): void {
  const { cleanup } = prototype
  prototype.cleanup = function (error) {
    if (this.closed) return
    cleanup.call(this, error)
    // A command that is still being compressed is written after this. What is thrown here the driver takes as a fault of the network.
    this.socket.write = () => {
      throw error
    }
    this.socket.emit('drain')
  }
}
