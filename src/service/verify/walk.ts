import type { Db } from 'mongodb'

import { messageOf, SyncError } from '../../errors.ts'
import { comparedFile, type ComparedFile } from '../../model/compared-file.ts'
import { fileEntries, idPlain, type Plain, type RepresentationDocument } from '../../model/document.ts'
import type { Selection } from '../../model/selection.ts'
import type { ProjectSettings, Settings } from '../../model/settings.ts'
import { readSites } from '../../model/site-record.ts'
import { projectSites } from '../../model/sources.ts'
import type { ProviderPool } from '../../providers/provider-pool.ts'
import { selectedSlowly } from '../../streams/selected.ts'
import { selectedWithRoots } from '../selected-projects.ts'

/** With what files are looked at where they should be. */
export interface WalkParts {
  readonly db: Db
  readonly settings: Settings
  readonly selection: Selection
  readonly misconfigured: ReadonlyMap<string, unknown>
  readonly providers: Pick<ProviderPool, 'get'>
  readonly signal: AbortSignal
}

/** One file at one site. */
export interface Item {
  readonly project: string
  readonly settings: ProjectSettings
  readonly document: RepresentationDocument
  readonly entry: Plain
  readonly site: string
}

/** What was looked at last: a later walk goes on after it. */
export interface Position {
  readonly project: string
  readonly after?: unknown
}

/** Files that are looked at at once. */
const AT_ONCE = 8

/** Goes through the selected files at the selected site, or at each site of their project; those of a document come one after the other. */
export async function* walk(
  { db, settings, selection, signal }: Pick<WalkParts, 'db' | 'settings' | 'selection' | 'signal'>,
  isMeant: (entry: Plain, site: string, own: ProjectSettings) => boolean,
  from?: Position,
): AsyncGenerator<Item, undefined> {
  for await (const { project, own } of selectedWithRoots(db, settings, selection, from?.project)) {
    const all = projectSites(own)
    const sites = [...new Set([...all, ...(selection.site === undefined ? [] : [selection.site])])]
    const after = project === from?.project && from.after !== undefined ? { after: from.after } : {}
    for await (const document of selectedSlowly(db, project, selection, { sites, signal, ...after })) {
      for (const entry of fileEntries(document)) {
        for (const site of selection.site === undefined ? all : [selection.site]) {
          if (isMeant(entry, site, own)) yield { project, settings: own, document, entry, site }
        }
      }
    }
  }
  return undefined
}

/** Some of the work at once; what it gives, as it ends. Told to end, it begins nothing more, and gives what was under way. */
export async function* atOnce<T, R>(items: AsyncGenerator<T>, work: (item: T) => Promise<R>, signal: AbortSignal): AsyncGenerator<R> {
  const under = new Map<object, Promise<readonly [object, R]>>()
  const begin = (item: T): void => {
    const key = {}
    const one = work(item).then((result) => [key, result] as const)
    // It may reject before anybody waits for it; who does is told all the same.
    one.catch(() => undefined)
    under.set(key, one)
  }
  try {
    for (let isDone = false; !isDone || under.size > 0;) {
      while (!isDone && under.size < AT_ONCE && !signal.aborted) {
        const next = await items.next()
        if (next.done === true) isDone = true
        else begin(next.value)
      }
      if (signal.aborted) isDone = true
      if (under.size === 0) continue
      const [key, result] = await Promise.race(under.values())
      under.delete(key)
      yield result
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await Promise.allSettled(under.values())
    await items.return(undefined)
  }
}

/** Where it is, and what it can be held against; a text that says why nobody can tell. */
export function subjectOf({ document, entry, site, settings }: Item, misconfigured: ReadonlyMap<string, unknown>): ComparedFile | string {
  const { path } = entry
  if (typeof path !== 'string') return 'its path is no text'
  if (misconfigured.has(site)) return messageOf(misconfigured.get(site))
  const file = comparedFile({ document, settings, misconfigured }, path, readSites(entry['sites']), site)
  if (file === undefined) return 'the site is not configured in this project'
  return file instanceof SyncError ? file.message : file
}

/** What a finding is about. */
export function aboutItem({ project, document, entry, site }: Item) {
  const { path } = entry
  return { project, representation: idPlain(document._id), path: typeof path === 'string' ? path : String(path), site }
}
