// Looks at the events of a service as often as it is told to, and throws away what comes.
import { serve } from './served.ts'

interface Wanted {
  readonly address: string
  readonly count: number
}

async function look(address: string): Promise<void> {
  const { body, status } = await fetch(`${address}api/v1/events`)
  if (status !== 200 || !body) throw new Error(`the events are answered with ${status}`)
  const reader = body.getReader()
  await reader.read()
  const read = async (): Promise<void> => {
    while (!(await reader.read()).done);
  }
  void read().catch(() => undefined)
}

serve({
  /** Resolves when each of them has been told how things are. */
  look: async ({ address, count }: Wanted) => {
    await Promise.all(Array.from({ length: count }, async () => look(address)))
    return count
  },
})
