import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Notes how long the event loop is held up at most: time of the processor, so that a busy machine does not count. */
const source = (file: string): string => `
import { writeFileSync } from 'node:fs'
let last = process.threadCpuUsage()
let longest = 0
setInterval(() => {
  const { user, system } = process.threadCpuUsage(last)
  last = process.threadCpuUsage()
  longest = Math.max(longest, (user + system) / 1000)
}, 5).unref()
process.on('SIGUSR2', () => { longest = 0 })
process.on('exit', () => writeFileSync(${JSON.stringify(file)}, String(longest)))
`

/** For a process of Node: its environment, and, when it has ended, the longest time in milliseconds. SIGUSR2 starts over. */
export async function busyMeter(folder: string): Promise<{ readonly env: Record<string, string>; longest(): Promise<number> }> {
  const file = join(folder, 'longest')
  const preload = join(folder, 'busy-meter.mjs')
  await writeFile(preload, source(file))
  return { env: { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` }, longest: async () => Number(await readFile(file, 'utf8')) }
}
