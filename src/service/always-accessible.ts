import { LRUCache } from 'lru-cache'
import { ObjectId, type Db } from 'mongodb'

import { missingSkeletons } from '../model/always-accessible.ts'
import { idPlain, idText, type RepresentationDocument } from '../model/document.ts'
import type { Log } from '../model/log.ts'
import { projectSettings } from '../model/project-settings.ts'
import { ADD } from '../model/record-edit.ts'
import type { Settings } from '../model/settings.ts'
import { isPassing } from '../streams/outage.ts'
import { appearedSince, saveLookedUntil, lookedUntil } from '../streams/appeared.ts'
import { serverTime } from '../streams/scan.ts'
import { applyEdit } from './edit-records.ts'

/** How far a scan looks back where nothing is known of an earlier one. Milliseconds. */
const FIRST_MS = 24 * 3_600_000
/** An id is dated by the clock of whoever published, and may have been made a while before it was written. Milliseconds. */
const SLACK_MS = 600_000
const REMEMBERED = 20_000

interface Parts {
  readonly db: Db
  readonly state: Db
  readonly settings: Settings
  readonly log: Log
}

/**
 * Gives representations that appear a skeleton for each site of `always_accessible_on`. One that was looked at is not looked at again, so that
 * what somebody removes stays removed.
 */
export class AlwaysAccessible {
  readonly #parts: Parts
  readonly #looked = new LRUCache<string, true>({ max: REMEMBERED })

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** The change stream told of a new document. Never rejects: what could not be written is found by a scan. */
  async appeared(project: string, document: RepresentationDocument): Promise<void> {
    if (this.#isOff(project)) return
    await this.#add(project, document).catch((error: unknown) => {
      if (!isPassing(error)) this.#refused(project, document, error)
    })
  }

  /** Looks at what appeared since the last scan: by the index on `_id`, so it costs what is new. */
  async scan(project: string, signal: AbortSignal): Promise<void> {
    if (this.#isOff(project)) return
    const { db, state, settings } = this.#parts
    const now = await serverTime(db)
    const until = await lookedUntil(state, db.databaseName, project)
    const from = new Date(until === undefined ? now.getTime() - FIRST_MS : until.getTime() - SLACK_MS)
    for await (const document of appearedSince(db, project, ObjectId.createFromTime(Math.max(0, Math.floor(from.getTime() / 1_000))), {
      settings: projectSettings(settings, project),
      signal,
    })) {
      if (this.#looked.has(`${project}/${idText(document._id)}`)) continue
      try {
        await this.#add(project, document)
      } catch (error) {
        if (isPassing(error)) throw error
        this.#refused(project, document, error)
      }
    }
    if (!signal.aborted) await saveLookedUntil(state, db.databaseName, project, now)
  }

  #isOff(project: string): boolean {
    return (projectSettings(this.#parts.settings, project).alwaysAccessibleOn ?? []).length === 0
  }

  async #add(project: string, document: RepresentationDocument): Promise<void> {
    const { db, settings } = this.#parts
    for (const edited of missingSkeletons(document, projectSettings(settings, project))) await applyEdit(db, project, document, ADD, edited)
    this.#looked.set(`${project}/${idText(document._id)}`, true)
  }

  #refused(project: string, document: RepresentationDocument, error: unknown): void {
    const representationId = idPlain(document._id)
    this.#looked.set(`${project}/${idText(document._id)}`, true)
    const message = 'no record could be added for the sites of always_accessible_on'
    this.#parts.log.event('service.unexpected', { project, representationId, error, message, level: 'warn' })
  }
}
