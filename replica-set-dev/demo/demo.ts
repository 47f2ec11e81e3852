import path from 'node:path'

import type { RepresentationDocument } from '../../src/model/document.ts'
import type { DemoOptions } from './command.ts'
import { freeProjectName, openDatabase } from './demo-database.ts'
import { demoFolder, demoGuard, removeFolder } from './demo-folder.ts'
import { runningService } from './running-service.ts'
import { perform } from './perform.ts'
import { Publisher } from './publisher.ts'
import { untilAborted } from './pause.ts'
import type { Screen } from './screen.ts'
import { setStage, withDatabase } from './stage.ts'
import { farewellLine, landingLines, noticeLines, openingLines, realDatabaseLines, watchingLines, type Facts } from './texts.ts'

/**
 * Database, project, service, publishes, table; puts everything away again, however it ends. Resolves with whether it went as it
 * should; rejects with the reason of `signal` when that ended it.
 */
export async function runDemo({ once, config, keep, verbose }: DemoOptions, screen: Screen, signal: AbortSignal): Promise<boolean> {
  await using stack = new AsyncDisposableStack()
  let farewell: string | undefined
  let isKept = false
  const guard = demoGuard(stack, screen)
  stack.defer(() => (farewell === undefined ? undefined : screen.print(farewell)))
  const dir = await demoFolder(guard, keep)
  stack.defer(async () => (isKept ? undefined : removeFolder(dir)))
  const stage = await setStage(config, dir)
  // Of no use to anyone who brings sites and a publish folder.
  isKept = keep && (config === undefined || stage.place.folder.startsWith(dir))
  for (const line of noticeLines(stage)) screen.print(line)
  for (const warning of stage.warnings) screen.print(`configuration: ${warning}`)

  const { client, uri, description } = await openDatabase({ uri: stage.uri, stack, screen, signal })
  const db = client.db(stage.settings.mongo.database)
  const project = await freeProjectName(db, stage.place.folder)
  const settings = withDatabase(stage, uri, project)
  const collection = db.collection<RepresentationDocument>(project)
  const facts: Facts = { stage, project, database: description, collection: collection.namespace, dir, keep }
  const isTheirs = stage.uri !== undefined
  const source = path.join(stage.place.folder, project)
  if (!keep) guard.tell({ removeDir: source })
  stack.defer(async () => {
    if (keep) return
    await removeFolder(source)
    if (isTheirs) await collection.drop()
  })
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
  // Awaited here: what is below the demo stays until then.
  return await untilAborted(service.signal)
}
