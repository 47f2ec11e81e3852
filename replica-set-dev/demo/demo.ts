import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import type { RepresentationDocument } from '../../src/model/document.ts'
import { startGuard, type Guard } from '../guard.ts'
import type { DemoOptions } from './command.ts'
import { freeProjectName, openDatabase } from './demo-database.ts'
import { runningService } from './running-service.ts'
import { perform } from './perform.ts'
import { Publisher } from './publisher.ts'
import { untilAborted } from './pause.ts'
import type { Screen } from './screen.ts'
import { setStage, withDatabase } from './stage.ts'
import { farewellLine, landingLines, openingLines, realDatabaseLines, watchingLines, type Facts } from './texts.ts'

/**
 * Database, project, service, publishes, table; puts everything away again, however it ends. Resolves with whether it went as it
 * should; rejects with the reason of `signal` when that ended it.
 */
export async function runDemo({ once, config, keep, verbose }: DemoOptions, screen: Screen, signal: AbortSignal): Promise<boolean> {
  await using stack = new AsyncDisposableStack()
  const guard = startGuard((note) => screen.print(note))
  stack.defer(() => guard.tell({ done: true }))
  let farewell: string | undefined
  stack.defer(() => (farewell === undefined ? undefined : screen.print(farewell)))

  const remove = (folder: string): void => (keep ? undefined : removeAtEnd(folder, stack, guard))
  const dir = await realpath(await mkdtemp(path.join(tmpdir(), 'site-sync-demo-')))
  // Of no use to anyone who brings sites of their own.
  if (config === undefined) remove(dir)
  else removeAtEnd(dir, stack, guard)
  const stage = await setStage(config, dir)
  for (const warning of stage.warnings) screen.print(`configuration: ${warning}`)

  const { client, uri, description } = await openDatabase({ uri: stage.uri, stack, screen, signal })
  const db = client.db(stage.settings.mongo.database)
  const project = await freeProjectName(db, stage.place.folder)
  const settings = withDatabase(stage, uri, project)
  const collection = db.collection<RepresentationDocument>(project)
  const facts: Facts = { stage, project, database: description, collection: collection.namespace, dir, keep }
  const isTheirs = stage.uri !== undefined
  if (isTheirs && !keep) stack.defer(async () => void (await collection.drop()))
  remove(path.join(stage.place.folder, project))
  for (const line of openingLines(facts)) screen.print(line)
  farewell = farewellLine(facts, isTheirs)

  const publisher = new Publisher(db, { ...stage.place, project })
  const { representations, files } = await publisher.publishBacklog()
  screen.print(`\nPublished before the service starts: ${representations} representations, ${files} files; one file is missing on purpose.`)
  signal.throwIfAborted()
  const service = runningService({ settings, screen, verbose, stack, signal })
  const isAsExpected = await perform({ service, publisher, collection, settings, place: stage.place, screen })

  for (const line of ['', ...landingLines(facts), '', ...realDatabaseLines(), '']) screen.print(line)
  if (once) return isAsExpected
  for (const line of watchingLines(config ?? path.join(dir, 'config.json'), isTheirs ? undefined : uri)) screen.print(line)
  return untilAborted(service.signal)
}

function removeAtEnd(folder: string, stack: AsyncDisposableStack, guard: Guard): void {
  // Also when this process is killed.
  guard.tell({ removeDir: folder })
  stack.defer(async () => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
}
