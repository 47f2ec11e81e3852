import { spawnSync } from 'node:child_process'
import { openSync, readFileSync, readSync, writeSync } from 'node:fs'

import { PassThrough, type Faults } from './pass-through.ts'
import { LARGEST_WRITE, parseRequest } from './protocol.ts'

// A pass-through file system in a process of its own: FOLDER is served at MOUNT, with the faults that stand in FILE at that moment.
// It ends when it is unmounted.

const [folder = '', mount = '', file = ''] = process.argv.slice(2)
const device = openSync('/dev/fuse', 'r+')
const options = `fd=3,rootmode=40000,user_id=${process.getuid?.()},group_id=${process.getgid?.()},allow_other`
const mounted = spawnSync('mount', ['-i', '-t', 'fuse', '-o', options, 'pass-through', mount], {
  stdio: ['ignore', 'inherit', 'inherit', device],
})
if (mounted.status !== 0) process.exit(1)

const passThrough = new PassThrough(folder, () => JSON.parse(readFileSync(file, 'utf8')) as Faults)
const packet = Buffer.alloc(LARGEST_WRITE + 4096)
process.send?.('mounted')
for (;;) {
  let length: number
  try {
    length = readSync(device, packet)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A request was taken back before it was read.
    if (code === 'ENOENT' || code === 'EINTR' || code === 'EAGAIN') continue
    process.exit(0)
  }
  const answer = passThrough.serve(parseRequest(packet.subarray(0, length)))
  try {
    if (answer) writeSync(device, answer)
  } catch {
    // Nobody waits for it any more.
  }
}
