import { expect, onTestFinished, test, vi } from 'vitest'

import { Interrupted, listenForSignals } from '../../../replica-set-dev/demo/interrupt.ts'
import { pause, untilAborted } from '../../../replica-set-dev/demo/pause.ts'
import { findMongod } from '../../../replica-set-dev/find-mongod.ts'

function listening() {
  vi.useFakeTimers()
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never)
  const { signal, release } = listenForSignals()
  onTestFinished(() => {
    release()
    exit.mockRestore()
    vi.useRealTimers()
  })
  return { signal, release, exit }
}

test('the first signal aborts; the same Ctrl-C, heard again from npm, does nothing; a later one ends at once', () => {
  const { signal, exit } = listening()
  process.emit('SIGINT', 'SIGINT')
  expect(signal.reason).toMatchObject({ exitCode: 130 })
  vi.advanceTimersByTime(100)
  process.emit('SIGINT', 'SIGINT')
  expect(exit).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1_000)
  process.emit('SIGTERM', 'SIGTERM')
  expect(exit).toHaveBeenCalledExactlyOnceWith(143)
})

test('after its release it hears nothing', () => {
  const before = process.listenerCount('SIGTERM')
  const { release } = listening()
  expect(process.listenerCount('SIGTERM')).toBe(before + 1)
  release()
  expect(process.listenerCount('SIGTERM')).toBe(before)
})

test('whoever waits gets the reason', async () => {
  const reason = new Interrupted('SIGTERM')
  const controller = new AbortController()
  const waiting = [pause(60_000, controller.signal), untilAborted(controller.signal)]
  controller.abort(reason)
  expect(await Promise.allSettled(waiting)).toEqual(waiting.map(() => ({ status: 'rejected', reason })))
  await expect(untilAborted(controller.signal)).rejects.toBe(reason)
  await expect(findMongod({ signal: controller.signal })).rejects.toBe(reason)
})
