import type { ServiceState } from '../model/health.ts'
import type { Log } from '../model/log.ts'
import type { Settings } from '../model/settings.ts'
import type { News } from './reporter.ts'
import { isOff } from './site-check.ts'

/** Whether work can be taken: what `readyz` goes by. */
export class ServiceHealth {
  /** Why a changed configuration was not taken: the former one goes on. */
  rejected: string | undefined
  #isReady = false

  /** Work can be taken, for the first time: told once. */
  ready(log: Log, { remoteSite }: Settings): void {
    if (this.#isReady) return
    this.#isReady = true
    log.event('service.ready', remoteSite === '' ? { message: 'ready, but "remote_site" is empty: nothing is synced' } : {})
  }

  /** `news`: what the session says; undefined before it begins. */
  state(settings: Settings, news: News | undefined, isStopping: boolean, heartbeatMs?: number): ServiceState {
    return {
      isReady: this.#isReady && !isStopping,
      isOff: isOff(settings),
      stream: news?.stream ?? 'opening',
      streamFault: news?.streamFault,
      rejected: this.rejected,
      heartbeatMs,
    }
  }
}
