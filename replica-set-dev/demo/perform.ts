import type { Collection } from 'mongodb'

import { printable } from '../../src/logging/printable.ts'
import type { RepresentationDocument } from '../../src/model/document.ts'
import type { Settings } from '../../src/model/settings.ts'
import { resolveSeedPath } from '../seed-files.ts'
import { labelOf, SMALL_BYTES, type PublishPlace } from './demo-project.ts'
import { pause, untilAborted } from './pause.ts'
import { bytesText, durationText } from './progress-line.ts'
import type { Publisher } from './publisher.ts'
import { disappointments, figureLines, figures, outcomeTable } from './report.ts'
import type { RunningService } from './running-service.ts'
import type { Screen } from './screen.ts'
import { survey, type SurveyedFile, type SurveyedSite } from './survey.ts'

export interface PerformanceParts {
  readonly service: RunningService
  readonly publisher: Publisher
  readonly collection: Collection<RepresentationDocument>
  readonly settings: Settings
  readonly place: Omit<PublishPlace, 'project'>
  readonly screen: Screen
}

/** Without any news of a transfer for this long, what is still pending is not waited for. */
const PATIENCE_MS = 30_000
const LOOK_EVERY_MS = 200
const BETWEEN_PUBLISHES_MS = 150

/** Publishes while the service runs, waits for all of it, and prints the table. Resolves with whether all went as it should. */
export async function perform(parts: PerformanceParts): Promise<boolean> {
  const { service, publisher, screen, settings } = parts
  const started = performance.now()
  await Promise.race([service.journal.ready, untilAborted(service.signal)])
  screen.print(`The service is ready after ${durationText(performance.now() - started)}.`)
  const page = await Promise.race([service.journal.page, untilAborted(service.signal)])
  if (page !== undefined) screen.print(`The page: ${page}`)
  // What is published next is to be timed, without the backlog before it in the queue.
  await waitUntil(parts, ({ state, error }) => state !== 'pending' || error !== undefined)

  screen.print('\nPublished while it runs:')
  for (const publish of publisher.publishes) {
    const size = publish.files.reduce((sum, file) => sum + (file.size ?? 0), 0)
    screen.print(
      `publish  ${labelOf(publish.representation)}  ${publish.files.length > 1 ? `${publish.files.length} files, ` : ''}${bytesText(size)}`,
    )
    await publisher.publish(publish)
    await pause(BETWEEN_PUBLISHES_MS, service.signal)
  }
  const sites = await waitUntil(parts, ({ state }) => state !== 'pending')

  screen.print(`\n${outcomeTable(sites, (id) => publisher.live.has(id), settings.retryCount)}\n`)
  const timed = figures(smallFiles(parts, sites))
  for (const line of figureLines(timed)) screen.print(line)
  const reason = (path: string): string => resolveSeedPath(rootsOf(parts.place), path)
  const wrong = disappointments(sites, timed, { missing: publisher.missing, reason })
  for (const sentence of wrong) screen.print(`Not as it should be: ${printable(sentence)}`)
  if (wrong.length === 0)
    screen.print('All as it should be: everything is synced but the file that is missing, which failed on every site.')
  return wrong.length === 0
}

/** Looks until `isDone` holds of every file, or nothing moves any more. */
async function waitUntil(parts: PerformanceParts, isDone: (file: SurveyedFile) => boolean): Promise<readonly SurveyedSite[]> {
  const { service, collection, settings, publisher, screen } = parts
  const { journal } = service
  for (let moved = { at: performance.now(), bytes: 0 }; ;) {
    const sites = await survey({ collection, settings, journal, publishedAt: publisher.publishedAt })
    if (sites.every(({ files }) => files.every(isDone))) return sites
    const bytes = service.attempts.reduce((sum, { progress }) => sum + progress.bytes, 0)
    if (bytes !== moved.bytes) moved = { at: performance.now(), bytes }
    if (performance.now() - Math.max(moved.at, journal.lastNews) > PATIENCE_MS) {
      screen.print(`Nothing has moved for ${durationText(PATIENCE_MS)}: what is pending is not waited for.`)
      return sites
    }
    await pause(LOOK_EVERY_MS, service.signal)
  }
}

function smallFiles({ publisher }: PerformanceParts, sites: readonly SurveyedSite[]): readonly SurveyedFile[] {
  const large = new Set(
    publisher.publishes
      .filter(({ files }) => files.some(({ size = 0 }) => size > SMALL_BYTES))
      .map(({ representation }) => labelOf(representation)),
  )
  return sites
    .filter(({ representationId, label }) => publisher.live.has(representationId) && !large.has(label))
    .flatMap(({ files }) => files)
}

function rootsOf({ rootName, folder }: Omit<PublishPlace, 'project'>): string | Record<string, string> {
  return rootName === undefined ? folder : { [rootName]: folder }
}
