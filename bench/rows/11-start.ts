import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Comparison, Row } from '../row.ts'
import { BenchServer } from '../support/bench-server.ts'
import { buildProgram } from '../support/built-program.ts'
import { FakeDriveProcess } from '../support/fake-drive-process.ts'
import { nodeOptions } from '../support/node-options.ts'
import { PlainProcess } from '../support/plain-process.ts'
import { spread } from '../support/statistics.ts'

/** A run's figure is the median of so many starts. */
const STARTS = 5

export const row: Row = {
  number: 11,
  title: 'Starting.',
  async run({ quick, runs, say }) {
    await using program = await buildProgram()
    await using server = await BenchServer.start()
    await mkdir(join(server.dir, 'drive'))
    await using drive = await FakeDriveProcess.start(join(server.dir, 'drive'))
    const local = await (await server.production()).config()
    const withDrive = await (await server.production()).config({ general: { remote_site: 'gdrive' }, sites: { gdrive: drive.site() } })
    const checkout = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

    const measured = {
      bare: async () => await untilEnd(['--eval', '0']),
      help: async () => await untilEnd([...nodeOptions(), program.main, '--help']),
      checkoutHelp: async () => await untilEnd([...nodeOptions(), checkout, '--help']),
      local: async () => await untilReady([...nodeOptions(), program.main, 'run', '--config', local]),
      drive: async () => await untilReady([...nodeOptions(), program.main, 'run', '--config', withDrive]),
      checkoutDrive: async () => await untilReady([...nodeOptions(), checkout, 'run', '--config', withDrive]),
    }
    const times = new Map<keyof typeof measured, number[]>()
    for (let run = 0; run <= runs; run++) {
      say(`row 11: ${run === 0 ? 'warm-up' : `run ${run} of ${runs}`}`)
      for (const [name, values] of await inTurn(measured, quick || run === 0 ? 1 : STARTS)) {
        if (run > 0) times.set(name, [...(times.get(name) ?? []), spread(values).median])
      }
    }
    const of = (name: keyof typeof measured): readonly number[] => times.get(name) ?? []
    const readyGoal = { of: 'value', bound: 'at most', limit: 1_000 } as const
    const ready = (what: string, name: keyof typeof measured): Comparison => ({
      what: `process start → ready, ${what}`,
      unit: 'ms',
      ours: of(name),
      baseline: 'none',
      theirs: [],
      goal: readyGoal,
    })
    const help = (what: string, name: keyof typeof measured): Comparison => ({
      what: `\`--help\`, ${what}`,
      unit: 'ms',
      ours: of(name),
      baseline: 'bare `node --eval 0`',
      theirs: of('bare'),
      goal: { of: 'difference', bound: 'at most', limit: 150 },
    })
    return {
      comparisons: [
        ready('sites on disk, installed', 'local'),
        ready('a Google Drive site, installed', 'drive'),
        ready('a Google Drive site, in a checkout', 'checkoutDrive'),
        help('installed', 'help'),
        help('in a checkout', 'checkoutHelp'),
      ],
      notes: [
        'From the moment the process is asked for until `service.ready` is read from its output (the change stream is open by then, and the first scan begins), or until the process has ended.',
        `Each figure of a run is the median of ${STARTS} starts, all kinds in turn. Installed is JavaScript as \`npm run build\` makes it; in a checkout, Node strips the types at each start.`,
      ],
      leftOut: [],
    }
  },
}

/** So many values of each kind, one of each after the other. */
async function inTurn<Name extends string>(
  measured: Readonly<Record<Name, () => Promise<number>>>,
  times: number,
): Promise<Map<Name, number[]>> {
  const all = Object.entries(measured) as [Name, () => Promise<number>][]
  const values = new Map<Name, number[]>(all.map(([name]) => [name, []]))
  for (let n = 0; n < times; n++) for (const [name, measure] of all) values.get(name)?.push(await measure())
  return values
}

async function untilEnd(args: readonly string[]): Promise<number> {
  await using started = new PlainProcess(args)
  return await started.ends()
}

async function untilReady(args: readonly string[]): Promise<number> {
  await using started = new PlainProcess(args)
  return await started.says('"service.ready"')
}
