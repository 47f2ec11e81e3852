/** A question of the benchmark to one of its programs. */
interface Question {
  readonly id: number
  readonly name: string
  readonly of: unknown
}

export type Answer = { readonly id: number; readonly value?: unknown } | { readonly id: number; readonly fault: string }

export type Handlers = Readonly<Record<string, (of: never) => unknown>>

/** Answers the questions of the process that started this one; ends with it. */
export function serve(handlers: Handlers): void {
  process.on('message', (question) => void answer(handlers, question as Question))
  process.once('disconnect', () => process.exit())
}

async function answer(handlers: Handlers, { id, name, of }: Question): Promise<void> {
  const answered = await Promise.resolve()
    .then(async () => handlers[name]?.(of as never))
    .then(
      (value): Answer => ({ id, value }),
      (error: unknown): Answer => ({ id, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  if (process.connected) process.send?.(answered)
}
