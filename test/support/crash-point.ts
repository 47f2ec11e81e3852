/**
 * Where an instance of the fault tests dies or waits, in the order in which a transfer comes by:
 * - `before-upload`: nothing has been sent
 * - `mid-upload`: so many bytes were read from the source
 * - `after-last-byte`: the target has all bytes; on disk the file is not in its place yet
 * - `after-upload`: the provider has ended its work
 * - `before-write-back`: the file was compared with its source
 */
export type CrashPoint = 'before-upload' | 'mid-upload' | 'after-last-byte' | 'after-upload' | 'before-write-back'

export interface CrashPlan {
  readonly at: CrashPoint
  /** Of `mid-upload`. */
  readonly bytes?: number
  /** Only paths that contain this. */
  readonly path?: string
  /** `kill`: SIGKILL to itself when so many transfers are there; `hold`: they wait for `go`, or for their abortion. */
  readonly action: 'kill' | 'hold'
  /** @defaultValue 1 */
  readonly transfers?: number
}

export interface InstancePlan {
  readonly crash?: CrashPlan
  /** Files that come to the publish site, too. */
  readonly wrapsOwn?: boolean
  /** Slows every upload down to this. */
  readonly bytesPerSecond?: number
}

/** A file is read from here on, to be written to a site. */
export interface SourceOpened {
  readonly path: string
  readonly fromByte: number
}

/** What such an instance tells its parent. */
export interface PointReached {
  readonly point: CrashPoint
  readonly path: string
}
