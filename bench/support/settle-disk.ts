import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Resolves when the disk has everything that was written so far: what is measured next is not held up by it. */
export async function settleDisk(): Promise<void> {
  await promisify(execFile)('sync')
}
