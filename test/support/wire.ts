import { connect, type Socket } from 'node:net'

import { MongoClient, type Document } from 'mongodb'

import { opMsg, takeMessages } from './op-msg.ts'

/** A connection that sends whatever bytes it is given, as programs do that check nothing. One command at a time. */
export class Wire implements AsyncDisposable {
  readonly #socket: Socket
  readonly #chunks: AsyncIterator<Buffer>
  #received: Buffer = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  static async open(uri: string): Promise<Wire> {
    await using client = await new MongoClient(uri).connect()
    const { primary } = await client.db('admin').command({ hello: 1 })
    const [host = '', port] = String(primary).split(':')
    return new Wire(connect(Number(port), host))
  }

  /** The server's answer, whatever it says; nothing where it shows a value that can't be read. */
  async send(command: Uint8Array): Promise<Document> {
    this.#socket.write(opMsg(command))
    for (;;) {
      const length = this.#received.length < 4 ? Infinity : this.#received.readInt32LE(0)
      if (this.#received.length >= length) {
        const message = this.#received.subarray(0, length)
        this.#received = this.#received.subarray(length)
        return answerIn(message)
      }
      const { value, done } = await this.#chunks.next()
      if (done === true) throw new Error('no answer')
      this.#received = Buffer.concat([this.#received, value])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
    await Promise.resolve()
  }
}

function answerIn(message: Buffer): Document {
  try {
    return takeMessages(message).messages[0]?.document ?? {}
  } catch {
    return {}
  }
}
