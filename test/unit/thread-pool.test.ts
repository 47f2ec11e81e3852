import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

import { useManyThreads } from '../../src/thread-pool.ts'

test('what the environment says stands', () => {
  const environment = { UV_THREADPOOL_SIZE: '7' }
  useManyThreads(environment)
  expect(environment).toEqual({ UV_THREADPOOL_SIZE: '7' })
})

test.runIf(process.platform === 'linux')('so many files can be waited for at once', async () => {
  const program = `
    import { readdirSync } from 'node:fs'
    import { stat } from 'node:fs/promises'
    import { useManyThreads } from ${JSON.stringify(new URL('../../src/thread-pool.ts', import.meta.url).href)}
    useManyThreads()
    const before = readdirSync('/proc/self/task').length
    await Promise.all(Array.from({ length: 100 }, () => stat('.')))
    process.stdout.write(String(readdirSync('/proc/self/task').length - before))`
  const { PATH = '' } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '--eval', program], { env: { PATH } })
  expect(Number(stdout)).toBeGreaterThanOrEqual(28)
})
