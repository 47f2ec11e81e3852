import type { WritePermit, WriteSession } from '../../src/providers/provider.ts'

export interface Permission {
  readonly granted?: Promise<void>
  readonly session?: WriteSession | undefined
  /** What the provider reserved for it. */
  readonly reserved?: WriteSession | undefined
  readonly saveSession?: (session: WriteSession) => Promise<void> | void
  readonly isAbandoned?: () => boolean
}

/** A permit that is granted at once, for a path that nobody has written to, unless it is told otherwise. */
export function permitOf({
  granted = Promise.resolve(),
  session,
  reserved,
  saveSession,
  isAbandoned = () => false,
}: Permission = {}): WritePermit {
  granted.catch(() => undefined)
  let left = reserved
  return {
    granted,
    session: Promise.resolve(session),
    async takeReserved() {
      await Promise.resolve()
      const taken = left
      left = undefined
      return taken
    },
    async saveSession(saved) {
      await Promise.resolve()
      await saveSession?.(saved)
    },
    isAbandoned,
  }
}
