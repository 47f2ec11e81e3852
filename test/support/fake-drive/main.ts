import { parseArgs } from 'node:util'

import { startFakeDrive } from './fake-drive.ts'

/** The fake as a process of its own. Prints one line of JSON when it is ready; SIGTERM and SIGINT end it. */
const { values } = parseArgs({
  options: { port: { type: 'string', default: '0' }, dir: { type: 'string' }, settings: { type: 'string', default: '{}' } },
})
if (values.dir === undefined) {
  console.error('usage: main.ts --dir DIRECTORY [--port PORT] [--settings JSON]')
  process.exit(2)
}
const drive = await startFakeDrive({ ...(JSON.parse(values.settings) as Record<string, number>), port: Number(values.port) })
const credentials = await drive.writeCredentials(values.dir)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void drive.close())
console.log(JSON.stringify({ endpoint: drive.endpoint, credentials, email: drive.email }))
