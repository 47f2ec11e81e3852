import type { Collection } from 'mongodb'

import { idPlain, isPlain, type RepresentationDocument } from '../../src/model/document.ts'
import { projectSettings } from '../../src/model/project-settings.ts'
import type { Settings } from '../../src/model/settings.ts'
import { examine, type Verdict } from '../../src/model/verdict.ts'
import type { Journal, Times } from './journal.ts'

/** One file on one site, as its document says. */
export interface SurveyedFile {
  readonly path: string
  readonly state: Verdict['state']
  readonly tries: number
  readonly error: string | undefined
  /** Milliseconds since the publish; undefined when nobody saw it. */
  readonly startMs: number | undefined
  readonly createdMs: number | undefined
}

/** One representation on one site. */
export interface SurveyedSite {
  readonly representationId: string
  readonly label: string
  readonly site: string
  readonly files: readonly SurveyedFile[]
}

export interface SurveyParts {
  readonly collection: Collection<RepresentationDocument>
  readonly settings: Settings
  readonly journal: Journal
  /** When each representation was published, by `performance.now()`. */
  readonly publishedAt: ReadonlyMap<string, number>
}

/** Reads the project and says how each representation is doing on each site, in the order of publishing. */
export async function survey({ collection, settings, journal, publishedAt }: SurveyParts): Promise<readonly SurveyedSite[]> {
  const { collectionName: project } = collection
  const documents = await collection.find({ type: 'representation' }, { readConcern: 'majority' }).toArray()
  const order = [...publishedAt.keys()]
  const rank = ({ _id }: RepresentationDocument): number => order.indexOf(idPlain(_id)) >>> 0
  return documents
    .toSorted((one, other) => rank(one) - rank(other))
    .flatMap((document) => {
      const { _id } = document
      const representationId = idPlain(_id)
      const published = publishedAt.get(representationId)
      const { verdicts } = examine(document, project, projectSettings(settings, project), journal.misconfigured)
      return [...Map.groupBy(verdicts, ({ site }) => site)].map(([site, own]) => ({
        representationId,
        label: label(document),
        site,
        files: own.map((verdict) =>
          surveyed(verdict, journal.timesOf(representationId, idPlain(verdict.fileId), site), published, journal),
        ),
      }))
    })
}

function surveyed({ path, state, record, site }: Verdict, times: Times, published: number | undefined, journal: Journal): SurveyedFile {
  const since = (at: number | undefined): number | undefined => (at === undefined || published === undefined ? undefined : at - published)
  return {
    path,
    state,
    tries: record?.tries ?? 0,
    error: state === 'misconfigured' ? journal.misconfigured.get(site)?.message : record?.error,
    startMs: since(times.startedAt),
    createdMs: state === 'synced' ? since(times.syncedAt) : undefined,
  }
}

function label({ name, context }: RepresentationDocument): string {
  const parts = isPlain(context) ? [context['asset'], context['subset'], context['representation']] : [name]
  return parts.filter((part) => typeof part === 'string').join(' ')
}
