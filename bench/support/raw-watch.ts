import type { BenchServer, Production } from './bench-server.ts'
import { Program } from './program.ts'

/** An insert as the driver's own change stream told of it; times by `now()`. */
export interface Seen {
  readonly id: string
  readonly at: number
  /** When the server had acknowledged the write that answered it. */
  markedAt?: number
}

/** The raw driver on a production, in a process of its own. */
export class RawWatch implements AsyncDisposable {
  readonly program: Program

  private constructor(program: Program) {
    this.program = program
  }

  /** `mark`: answers each insert with a durable copy of its file and one `updateOne`, as a result would be written. */
  static async start(
    { uri }: BenchServer,
    { db, collection, studio, mirror }: Production,
    { mark }: { readonly mark: boolean },
  ): Promise<RawWatch> {
    const program = new Program(new URL('raw-watcher.ts', import.meta.url))
    const copy = mark ? { from: studio, to: mirror } : undefined
    await program.ask('watch', { uri, database: db.databaseName, collection: collection.collectionName, copy })
    return new RawWatch(program)
  }

  async seen(count: number): Promise<readonly Seen[]> {
    return await this.program.ask('seen', count)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]()
  }
}
