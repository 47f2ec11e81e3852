/** What the service knows of itself. */
export interface ServiceState {
  /** Work can be taken. */
  readonly isReady: boolean
  /** `remote_site` is empty, or syncing is off: there is no work. */
  readonly isOff: boolean
  /** Of the change stream; undefined before it was tried. */
  readonly stream: 'opening' | 'open' | 'lost' | 'unavailable' | undefined
  readonly streamFault?: string | undefined
  /** A changed configuration that was not taken. */
  readonly rejected?: string | undefined
  /** Since MongoDB last answered to a heartbeat; undefined where none is due. */
  readonly heartbeatMs?: number | undefined
}

export interface Readiness {
  readonly isReady: boolean
  /** Why not: for whoever is woken. Empty when it is. */
  readonly reasons: readonly string[]
}

/**
 * Can work be taken and done? A site in trouble makes no service unready: the others are served. Without change streams (a server alone)
 * scans find the work, so that is no reason either.
 */
export function readiness({ isReady, isOff, stream, streamFault, rejected }: ServiceState, database: string | undefined): Readiness {
  const reasons = [
    ...(database === undefined ? [] : [`MongoDB: ${database}`]),
    ...(isReady ? [] : ['the service is starting, or ending']),
    ...(isReady && !isOff && (stream === 'lost' || stream === 'opening')
      ? [`the change stream is not open${streamFault === undefined ? '' : `: ${streamFault}`}`]
      : []),
    ...(rejected === undefined ? [] : [`the changed configuration was not taken: ${rejected}`]),
  ]
  return { isReady: reasons.length === 0, reasons }
}
