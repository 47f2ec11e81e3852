import { LRUCache } from 'lru-cache'
import type { Db } from 'mongodb'

import { atMost } from '../model/at-most.ts'
import { projectSettings } from '../model/project-settings.ts'
import { rootsFor } from '../model/publish-root.ts'
import type { ProjectSettings, Settings } from '../model/settings.ts'
import type { Root } from '../model/site.ts'
import { targetSites } from '../model/verdict.ts'
import type { DocumentReader } from '../model/stores.ts'
import { readDocument } from './raw-document.ts'
import { collectionNames } from './scan.ts'

export interface ProjectRootsParts {
  readonly db: Db
  readonly settings: Settings
  readonly platform?: NodeJS.Platform
  /** Milliseconds. Other instances change nothing here, people do; regular scans and noticed changes read again anyway. */
  readonly keepFor?: number
}

/** Whoever may write to the database may create, and drop, collections without end. */
const MAX_PROJECTS = 10_000

interface Known {
  readonly settings: ProjectSettings
  readonly readAt: number
}

/** What holds for each project, with the publish site's roots from its own document where the configuration has none. */
export class ProjectRoots {
  readonly #parts: ProjectRootsParts
  readonly #known = new LRUCache<string, Known>(atMost(MAX_PROJECTS))
  readonly #reading = new Map<string, Promise<void>>()

  constructor(parts: ProjectRootsParts) {
    this.#parts = parts
  }

  /** With the roots as they were last read. */
  settingsOf(project: string): ProjectSettings {
    return this.#known.get(project)?.settings ?? projectSettings(this.#parts.settings, project)
  }

  /** Reads the roots of a project, unless they are needless or fresh. */
  async prepare(project: string, { again = false }: { readonly again?: boolean } = {}): Promise<void> {
    const { keepFor = 60_000 } = this.#parts
    if (!this.#isWanted(project)) return
    const known = this.#known.get(project)
    if (known && !again && performance.now() - known.readAt < keepFor) return
    const reading = this.#reading.get(project) ?? this.#read(project).finally(() => this.#reading.delete(project))
    this.#reading.set(project, reading)
    await reading
  }

  /** What the projects' own documents say of a site, in all of them. */
  async rootsOf(site: string): Promise<readonly Root[]> {
    if (this.#parts.settings.rootsFromProject !== true) return []
    const roots: Root[] = []
    for (const project of await collectionNames(this.#parts.db)) {
      await this.prepare(project)
      const { publishSite, projectRoot } = this.settingsOf(project)
      if (publishSite === site && projectRoot !== undefined) roots.push(projectRoot)
    }
    return roots
  }

  /** The document of this project, or of all, may not be what it was. */
  forgotten(project?: string): void {
    for (const [name, known] of this.#known)
      if (project === undefined || name === project) this.#known.set(name, { ...known, readAt: -Infinity })
  }

  /** The same reader; a project's own document among what it reads has changed. */
  noticing(reader: DocumentReader): DocumentReader {
    return {
      ...reader,
      read: async (project, ids) => {
        const documents = await reader.read(project, ids)
        if (documents.some(({ type }) => type === 'project')) this.forgotten(project)
        return documents
      },
    }
  }

  #isWanted(project: string): boolean {
    const { settings } = this.#parts
    if (settings.rootsFromProject !== true) return false
    const own = projectSettings(settings, project)
    return !own.sites.has(own.publishSite) && targetSites(own).length > 0
  }

  async #read(project: string): Promise<void> {
    const { db, settings, platform = process.platform } = this.#parts
    const readAt = performance.now()
    const own = projectSettings(settings, project)
    // OpenPype makes it first: it is found at once, also without an index.
    const options = { projection: { 'config.roots': 1 }, readConcern: 'majority', raw: true } as const
    const found: unknown = await db.collection(project).findOne({ type: 'project' }, options)
    const config: unknown = found instanceof Uint8Array ? readDocument(found)['config'] : undefined
    const roots: unknown = typeof config === 'object' && config !== null && 'roots' in config ? config.roots : undefined
    const projectRoot = rootsFor(roots, platform)
    this.#known.set(project, { settings: { ...own, ...(projectRoot !== undefined && { projectRoot }) }, readAt })
  }
}
