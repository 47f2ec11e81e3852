import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { onTestFinished } from 'vitest'

import { LogLines } from './log-recorder.ts'
import type { Stage } from './service-harness.ts'
import { waitFor } from './wait-for.ts'

export const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** Nothing of the machine's own configuration reaches the program. */
export function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_COMPILE_CACHE'].flatMap((name) =>
    process.env[name] === undefined ? [] : [[name, process.env[name]]],
  )
  return { ...(Object.fromEntries(kept) as NodeJS.ProcessEnv), ...more }
}

export interface ProcessOptions {
  /** Files, sockets and the like that it may have open at once. */
  readonly openFiles?: number
  /** A file descriptor for its standard output, or a pipe that nobody reads. @defaultValue a pipe that is read */
  readonly stdout?: number | 'unread'
}

/** The program as a process of its own, started as people start it. It is gone when the test ends. */
export class ServiceProcess {
  readonly lines = new LogLines()
  /** Resolves with the exit code, or with the signal that ended it, when all output has come. */
  readonly ended: Promise<number | NodeJS.Signals>
  stdout = ''
  stderr = ''
  /** What was wrong with a line of its log. */
  fault: unknown
  readonly #child: ChildProcess

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, { openFiles, stdout }: ProcessOptions = {}) {
    const limited = openFiles === undefined ? [] : ['/bin/sh', '-c', `ulimit -n ${openFiles}; exec "$@"`, 'sh']
    const [program = '', ...rest] = [...limited, process.execPath, MAIN, ...args]
    this.#child = spawn(program, rest, { env: environment(env), stdio: ['ignore', typeof stdout === 'number' ? stdout : 'pipe', 'pipe'] })
    const isLog = args[0] === 'run' || args[0] === 'scan'
    if (stdout === undefined) {
      this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        this.stdout += text
        if (isLog) this.#read(text)
      })
    }
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = once(this.#child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
    onTestFinished(async () => {
      this.#child.kill('SIGKILL')
      await this.ended
    })
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Waits for its end, and for nothing else than was promised. */
  async end(withinMs = 20_000): Promise<number | NodeJS.Signals> {
    await waitFor('the end of the process', () => !this.isRunning, { withinMs, seen: () => [this.lines.summary(), this.stderr] })
    return await this.ended
  }

  #read(text: string): void {
    try {
      this.lines.add(text)
    } catch (error) {
      this.fault ??= error
    }
  }
}

export interface ConfigOptions {
  /** Of its folder. @defaultValue config */
  readonly name?: string
  readonly general?: Readonly<Record<string, unknown>>
  readonly sites?: Readonly<Record<string, unknown>>
  /** Credentials for the database. */
  readonly user?: { readonly name: string; readonly password: string }
}

/** Writes a configuration for this production, with a `mirror` on disk as its remote site, and gives its path. */
export async function writeConfig(stage: Stage, { general = {}, sites = {}, user, name = 'config' }: ConfigOptions = {}): Promise<string> {
  const folder = join(stage.dir, name)
  await mkdir(folder, { recursive: true })
  const { uri, database, stateDatabase } = stage.settings.mongo
  const config = {
    publish_site: 'studio',
    remote_site: 'mirror',
    loop_delay: 60,
    mongo: { uri: user === undefined ? uri : withUser(uri, user, database), database, state_database: stateDatabase },
    sites: {
      studio: { provider: 'local_drive', root: { work: stage.studioPath('') } },
      mirror: { provider: 'local_drive', root: { work: join(stage.dir, 'mirror') } },
      ...sites,
    },
    ...general,
  }
  const file = join(folder, 'config.json')
  await writeFile(file, JSON.stringify(config, undefined, 2))
  return file
}

/** Gives a command with this configuration, waits for its end, and says how it was. */
export function runsOf(command: string, config: string) {
  return async (...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> => {
    const process = new ServiceProcess([command, ...args, '--config', config])
    const code = await process.end(40_000)
    return { code, stdout: process.stdout, stderr: process.stderr }
  }
}

function withUser(uri: string, { name, password }: { name: string; password: string }, source: string): string {
  const [, hosts = '', query = ''] = /^mongodb:\/\/([^/]+)\/?\??(.*)$/.exec(uri) ?? []
  const options = [query, `authSource=${source}`].filter((option) => option !== '').join('&')
  return `mongodb://${encodeURIComponent(name)}:${encodeURIComponent(password)}@${hosts}/?${options}`
}
