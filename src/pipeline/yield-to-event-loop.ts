/** How long work may keep everybody else waiting, in milliseconds. */
const MAX_MS = 20

let line = Promise.resolve()

/**
 * For loops over documents, which may be large: awaited before each, it lets others have their turn when they waited long enough. Of
 * several such loops one goes on at a time.
 */
export function eventLoopYielder(): () => Promise<void> {
  let since = performance.now()
  return async () => {
    if (performance.now() - since < MAX_MS) return
    await (line = line.then(nextTurn))
    since = performance.now()
  }
}

async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
