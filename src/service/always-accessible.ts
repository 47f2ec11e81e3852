import { ObjectId, type Db } from 'mongodb'

import { missingSkeletons } from '../model/always-accessible.ts'
import { idPlain, type RepresentationDocument } from '../model/document.ts'
import type { Log } from '../model/log.ts'
import { projectSettings } from '../model/project-settings.ts'
import { ADD, type EditedFiles } from '../model/record-edit.ts'
import type { Settings } from '../model/settings.ts'
import { isPassing } from '../streams/outage.ts'
import { appearedSince, appearedStore, type AppearedStore } from '../streams/appeared.ts'
import { serverTime } from '../streams/scan.ts'
import { applyEdit } from './edit-records.ts'

/** How far a scan looks back where nothing is known of an earlier one. Milliseconds. */
const FIRST_MS = 24 * 3_600_000
/** An id is dated by the clock of whoever published, and may have been made a while before it was written. Milliseconds. */
const SLACK_MS = 600_000

interface Parts {
  readonly db: Db
  readonly store: AppearedStore
  readonly settings: Settings
  readonly log: Log
  /** Adds the records that a representation lacks. */
  readonly add: (project: string, document: RepresentationDocument, missing: readonly EditedFiles[]) => Promise<void>
}

/**
 * Gives representations that appear a skeleton for each site of `always_accessible_on`. One that was looked at is not looked at again, by
 * whichever instance, so that what somebody removes stays removed.
 */
export class AlwaysAccessible {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** One that adds them to documents which are as they were read, and keeps what it knows in the state database. */
  static writing({ state, ...parts }: Omit<Parts, 'store' | 'add'> & { readonly state: Db }): AlwaysAccessible {
    const { db } = parts
    return new AlwaysAccessible({
      ...parts,
      store: appearedStore(state, db.databaseName),
      async add(project, document, missing) {
        for (const edited of missing) await applyEdit(db, project, document, ADD, edited)
      },
    })
  }

  /** The change stream told of a new document. Never rejects: what could not be written is found by a scan. */
  async appeared(project: string, document: RepresentationDocument): Promise<void> {
    if (this.#isOff(project)) return
    await this.#look(project, document).catch((error: unknown) => {
      // While MongoDB is unavailable, a scan finds it when that is over.
      if (!isPassing(error)) this.#tell(project, document, error)
    })
  }

  /** Looks at what appeared since the last scan: by the index on `_id`, so it costs what is new. */
  async scan(project: string, signal: AbortSignal): Promise<void> {
    if (this.#isOff(project)) return
    const { db, store, settings } = this.#parts
    const now = await serverTime(db)
    const until = await store.lookedUntil(project)
    const since = until === undefined ? now.getTime() - FIRST_MS : until.getTime() - SLACK_MS
    const from = ObjectId.createFromTime(Math.max(0, Math.floor(since / 1_000)))
    const looked = await store.lookedSince(project, from)
    for await (const document of appearedSince(db, project, from, { settings: projectSettings(settings, project), signal })) {
      if (!looked.has(String(document._id))) await this.#look(project, document)
    }
    if (!signal.aborted) await store.scanned(project, now, from)
  }

  #isOff(project: string): boolean {
    return (projectSettings(this.#parts.settings, project).alwaysAccessibleOn ?? []).length === 0
  }

  async #look(project: string, document: RepresentationDocument): Promise<void> {
    const { store, settings } = this.#parts
    const id = document._id instanceof ObjectId ? document._id : undefined
    const missing = missingSkeletons(document, projectSettings(settings, project))
    // The stream tells of it again after a crash, and each instance has one.
    if (missing.length > 0 && id && (await store.isLooked(project, id))) return
    try {
      if (missing.length > 0) await this.#parts.add(project, document, missing)
    } catch (error) {
      if (isPassing(error)) throw error
      this.#tell(project, document, error)
    }
    if (id) await store.looked(project, id)
  }

  #tell(project: string, document: RepresentationDocument, error: unknown): void {
    const representationId = idPlain(document._id)
    const message = 'no record could be added for the sites of always_accessible_on'
    this.#parts.log.event('service.unexpected', { project, representationId, error, message, level: 'warn' })
  }
}
