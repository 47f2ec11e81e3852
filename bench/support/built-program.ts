import { execFile } from 'node:child_process'
import { copyFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { temporaryFolder } from './leftovers.ts'

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url))

export interface BuiltProgram extends AsyncDisposable {
  /** Path of what `site-sync` runs where it is installed. */
  readonly main: string
  /** A folder from which packages are found. */
  readonly dir: string
}

/** The program as it is installed: JavaScript, in a folder of its own that goes when it is disposed of. */
export async function buildProgram(): Promise<BuiltProgram> {
  await using stack = new AsyncDisposableStack()
  const { path: dir } = stack.use(await temporaryFolder())
  const dist = join(dir, 'dist')
  const tsc = join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc')
  await promisify(execFile)(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', dist], { cwd: CHECKOUT }).catch(
    (error: Error & { stdout?: string }) => {
      throw new Error(`the program could not be built: ${error.stdout ?? error.message}`, { cause: error })
    },
  )
  await copyFile(join(CHECKOUT, 'package.json'), join(dir, 'package.json'))
  await symlink(join(CHECKOUT, 'node_modules'), join(dir, 'node_modules'), 'junction')
  const owned = stack.move()
  return { main: join(dist, 'main.js'), dir, [Symbol.asyncDispose]: async () => owned.disposeAsync() }
}
