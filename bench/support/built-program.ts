import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

import { atExit, temporaryFolder } from './leftovers.ts'

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
  await compileTo(dist)
  await copyFile(join(CHECKOUT, 'package.json'), join(dir, 'package.json'))
  await symlink(join(CHECKOUT, 'node_modules'), join(dir, 'node_modules'), 'junction')
  const owned = stack.move()
  return { main: join(dist, 'main.js'), dir, [Symbol.asyncDispose]: async () => owned.disposeAsync() }
}

async function compileTo(dist: string): Promise<void> {
  const tsc = join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc')
  // A group of its own, since the compiler is a child of that script.
  const compiler = spawn(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', dist], {
    cwd: CHECKOUT,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const forget = atExit(() => process.kill(-(compiler.pid as number), 'SIGKILL'))
  const [said, [code]] = await Promise.all([text(compiler.stdout), once(compiler, 'exit') as Promise<[number | null]>])
  forget()
  if (code !== 0) throw new Error(`the program could not be built: ${said}`)
}
