import { address, headers, problemOf } from './api.js'

/** The service is heard of every 15 s at least; after a longer silence, as of a machine that slept, the connection is dead. */
const SILENCE_MS = 40_000
const AGAIN_MS = [500, 1_000, 2_000, 5_000]
/** Without a token there is nothing to be had, and whoever asks on and on for it is not listened to any more. */
const REFUSED_MS = 60_000

/**
 * Reads the events for as long as the page is open, and begins again when they end. Not an `EventSource`: that can't send a token, and
 * does not notice a connection that is dead without having been closed.
 */
export function followEvents({ event, heard: told, lost, refused }) {
  let attempt = 0
  let waiting
  const run = async () => {
    const connection = new AbortController()
    let watchdog
    let isRefused = false
    const heard = () => {
      clearTimeout(watchdog)
      watchdog = setTimeout(() => connection.abort(), SILENCE_MS)
    }
    try {
      heard()
      const options = { headers: headers(), cache: 'no-store', credentials: 'omit', signal: connection.signal }
      const response = await fetch(address('api/v1/events'), options)
      if (!response.ok) throw problemOf(response, await response.json().catch(() => undefined))
      const anything = () => {
        heard()
        told()
      }
      for await (const each of eventsOf(response.body, anything)) {
        attempt = 0
        event(each.kind, each.data)
      }
      lost()
    } catch (error) {
      isRefused = error.needsToken === true
      if (isRefused) refused()
      else lost()
    }
    clearTimeout(watchdog)
    waiting = setTimeout(next, isRefused ? REFUSED_MS : AGAIN_MS[Math.min(attempt++, AGAIN_MS.length - 1)])
  }
  const next = () => {
    if (waiting === undefined) return
    clearTimeout(waiting)
    waiting = undefined
    void run()
  }
  void run()
  // Whoever comes back to the tab or to the network, or has typed a token, does not wait for the next attempt.
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && next())
  addEventListener('online', next)
  return next
}

async function* eventsOf(body, heard) {
  let rest = ''
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    heard()
    const blocks = (rest + value).split('\n\n')
    rest = blocks.pop()
    for (const block of blocks) {
      const lines = block.split('\n')
      const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5))
      const kind = lines
        .find((line) => line.startsWith('event:'))
        ?.slice(6)
        .trim()
      if (data.length > 0) yield { kind, data: JSON.parse(data.join('\n')) }
    }
  }
}
