import type { WritePermit, WriteSession } from '../../src/providers/provider.ts'

export interface Permission {
  readonly granted?: Promise<void>
  readonly session?: WriteSession | undefined
  readonly saveSession?: (session: WriteSession) => Promise<void> | void
  readonly isAbandoned?: () => boolean
}

/** A permit that is granted at once, for a path that nobody has written to, unless it is told otherwise. */
export function permitOf({ granted = Promise.resolve(), session, saveSession, isAbandoned = () => false }: Permission = {}): WritePermit {
  granted.catch(() => undefined)
  return {
    granted,
    session: Promise.resolve(session),
    async saveSession(saved) {
      await Promise.resolve()
      await saveSession?.(saved)
    },
    isAbandoned,
  }
}
