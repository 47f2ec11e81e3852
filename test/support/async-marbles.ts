import { Observable, type ObservableNotification } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { vi } from 'vitest'

import { settle } from './fake-clock.ts'

export interface Message {
  readonly frame: number
  readonly notification: ObservableNotification<unknown>
}

/** The messages of a diagram, with the syntax of rxjs; a character is a frame, and a frame a millisecond. */
export function marbles(diagram: string, values?: Readonly<Record<string, unknown>>): readonly Message[] {
  const messages = TestScheduler.parseMarbles(diagram, values, undefined, false, false)
  return messages.map(({ frame, notification }) => ({ frame: frame / 10, notification: shortened(notification) }))
}

/** Without the keys that mean nothing for its kind. */
function shortened(notification: ObservableNotification<unknown>): ObservableNotification<unknown> {
  if (notification.kind === 'N') return { kind: 'N', value: notification.value }
  return notification.kind === 'E' ? { kind: 'E', error: notification.error } : { kind: 'C' }
}

/**
 * Marble diagrams for code with promises in it, which the TestScheduler can't wait for: timers are faked, and after each frame
 * everything happens that can happen without time passing.
 */
export class AsyncMarbles implements Disposable {
  #frame = 0

  constructor() {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] })
  }

  get frame(): number {
    return this.#frame
  }

  /** Starts at the frame of the subscription. */
  cold<T = string>(diagram: string, values?: Readonly<Record<string, T>>): Observable<T> {
    return new Observable((subscriber) => {
      const timers = marbles(diagram, values).map(({ frame, notification }) =>
        setTimeout(() => {
          if (notification.kind === 'N') subscriber.next(notification.value as T)
          else if (notification.kind === 'E') subscriber.error(notification.error)
          else subscriber.complete()
        }, frame),
      )
      return () => timers.forEach(clearTimeout)
    })
  }

  /** Subscribes now, and writes down what comes when. */
  record(observable: Observable<unknown>): readonly Message[] {
    const messages: Message[] = []
    const note = (notification: ObservableNotification<unknown>): void => void messages.push({ frame: this.#frame, notification })
    observable.subscribe({
      next: (value) => note({ kind: 'N', value }),
      error: (error: unknown) => note({ kind: 'E', error }),
      complete: () => note({ kind: 'C' }),
    })
    return messages
  }

  /** Lets so many frames pass. */
  async run(frames: number): Promise<void> {
    await settle()
    for (const end = this.#frame + frames; this.#frame < end;) {
      this.#frame++
      await vi.advanceTimersByTimeAsync(1)
      await settle()
    }
  }

  [Symbol.dispose](): void {
    vi.useRealTimers()
  }
}
