import type { Readable } from 'node:stream'

import type { ByteSource } from '../providers/provider.ts'

/** Tells faults of the source from faults of the target, which pass through the target's hands on their way. */
export interface SourceFaults {
  readonly source: ByteSource
  isSourceFault(error: unknown): boolean
}

export function sourceFaults(source: ByteSource): SourceFaults {
  const faults: unknown[] = []
  const note = (error: unknown): void => void faults.push(error)
  const noted = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      note(error)
      throw error
    }
  }
  const open: ByteSource['open'] = async (fromByte, signal, options): Promise<Readable> => {
    const stream = await noted(source.open(fromByte, signal, options))
    return stream.on('error', note)
  }
  return {
    source: {
      size: source.size,
      modified: source.modified,
      ...(source.version !== undefined && { version: source.version }),
      ...(source.mode !== undefined && { mode: source.mode }),
      ...(source.ownChecksum !== undefined && { ownChecksum: source.ownChecksum }),
      open,
      openFile: async (signal) => await noted(Promise.resolve(source.openFile?.(signal))),
      checksum: async (algorithm, signal) => noted(source.checksum(algorithm, signal)),
      learn(algorithm, value) {
        try {
          source.learn?.(algorithm, value)
        } catch (error) {
          note(error)
          throw error
        }
      },
      assertUnchanged: async () => noted(source.assertUnchanged()),
    },
    isSourceFault(error) {
      for (let at = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause)
        if (faults.includes(at)) return true
      return false
    },
  }
}
