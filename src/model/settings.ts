import type { DocumentRoots } from './document-roots.ts'
import type { HttpSettings, Webhook } from './http-settings.ts'
import type { Root, SkippedSite, Site } from './site.ts'

/** The whole configuration after loading and validation; every default is filled in. */
export interface Settings {
  readonly localId: string
  readonly publishSite: string
  /** Empty: no syncing at all. */
  readonly remoteSite: string
  /** Globs over the sites that this instance sends files to; undefined: all. */
  readonly serve?: readonly string[]
  /** The sites that files come from first, where several have them. */
  readonly sources?: readonly string[]
  /** The sites that each new representation of the publish site is asked for at. */
  readonly alwaysAccessibleOn?: readonly string[]
  /** Attempts in all; 0: none. */
  readonly retryCount: number
  readonly loopDelaySeconds: number
  readonly leaseSeconds: number
  readonly shutdownGraceSeconds: number
  readonly indexes: 'auto' | 'off'
  readonly writeProgress: boolean
  /** Undefined: nothing listens. */
  readonly http?: HttpSettings
  readonly webhooks?: readonly Webhook[]
  /** Undefined: files are looked at by command only. */
  readonly verifySchedule?: VerifySchedule
  readonly mongo: { readonly uri: string; readonly database: string; readonly stateDatabase: string }
  readonly sites: ReadonlyMap<string, Site>
  /** Declared, and not for this machine; left out where there are none. */
  readonly skipped?: ReadonlyMap<string, SkippedSite>
  /** Where the publish site has no root here, that of each project's own document serves. */
  readonly rootsFromProject?: boolean
  /** Where roots may lie that documents name; undefined: anywhere. */
  readonly documentRoots?: DocumentRoots
  /** The configuration and its credentials. Absolute. */
  readonly ownFiles?: readonly string[]
  readonly projects: ProjectFilter
}

/** How often, and how fast, it is looked whether files are still at the sites. */
export interface VerifySchedule {
  /** As it was written. */
  readonly every: string
  readonly everyMs: number
  /** Files per second. */
  readonly rate: number
  /** Globs over the sites. */
  readonly sites: readonly string[]
}

export interface ProjectFilter {
  /** Globs over project names. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  readonly overrides: ReadonlyMap<string, ProjectOverride>
}

/** What one project does differently; what is left out is as in the rest of the configuration. */
export interface ProjectOverride {
  readonly enabled?: boolean
  readonly publishSite?: string
  readonly remoteSite?: string
  readonly retryCount?: number
  readonly alwaysAccessibleOn?: readonly string[]
  readonly sources?: readonly string[]
  /** Whole site definitions, already merged with the general ones. */
  readonly sites?: ReadonlyMap<string, Site>
  readonly skipped?: ReadonlyMap<string, SkippedSite>
}

/** What holds for one project. */
export interface ProjectSettings {
  readonly enabled: boolean
  readonly localId: string
  readonly publishSite: string
  readonly remoteSite: string
  readonly retryCount: number
  readonly alwaysAccessibleOn?: readonly string[]
  readonly sites: ReadonlyMap<string, Site>
  /** Of these sites, those that others send files to. */
  readonly notServed?: ReadonlySet<string>
  readonly sources?: readonly string[]
  readonly skipped?: ReadonlyMap<string, SkippedSite>
  readonly rootsFromProject?: boolean
  readonly documentRoots?: DocumentRoots
  /** The publish site's, as the project's own document has it. */
  readonly projectRoot?: Root
}
