import type { Bandwidth } from './bandwidth.ts'

/** A root: one path, or a path a name for multi-root projects (`{root[NAME]}`). */
export type Root = string | ReadonlyMap<string, string>

/** Sent once it has not changed for a while; a failed attempt; sent as it is. */
export type SizeCheck = 'settle' | 'strict' | 'off'

/** A named place that holds files, as configured. */
export interface Site {
  readonly name: string
  /** The registry's name of the code that talks to it: `gdrive`, `local_drive`, … */
  readonly provider: string
  readonly root: Root
  /** Path of the credentials file, absolute. */
  readonly credentialsFile?: string
  /** Scheme, host and port instead of the provider's public endpoint; no trailing slash. */
  readonly apiEndpoint?: string
  /** How many transfers to this site at once; undefined: the provider's own limit. */
  readonly concurrency?: number
  /** Whether that limit holds for this instance, or for all instances that share the work; undefined: `instance`. */
  readonly concurrencyScope?: 'instance' | 'cluster'
  /** What may go there and come from there; undefined: as much as there is. With a `cluster` scope all instances share it. */
  readonly bandwidth?: Bandwidth
  readonly alternativeSites: readonly string[]
  /** What becomes of a file from here that has another size than its document says; undefined: `settle`. */
  readonly sizeCheck?: SizeCheck
  /** Of a site on disk: its roots must be mounted (true), may be anything (false), or what they were before; undefined: the last. */
  readonly requireMount?: boolean
  /** Of a site on disk: a file that must stand in each root, by its name. */
  readonly markerFile?: string
  /** Of a site on disk: permissions of files that are written; undefined: those of the source, limited by the umask. */
  readonly fileMode?: number
  /** Of a site on disk: permissions of folders that are created; undefined: what the umask gives. */
  readonly folderMode?: number
  /** False for a root that came with a document instead of the configuration. */
  readonly declared?: boolean
  /** What keeps it from being used, as the configuration says already. */
  readonly fault?: string
}

/** A site that is declared, and not for this machine. */
export interface SkippedSite {
  readonly name: string
  readonly provider?: string
  /** The key that says so, for people. */
  readonly reason: string
  /** A publish site: the root that stands in each document serves instead. */
  readonly documentsServe: boolean
}

/** A file's place on a site: one of the site's roots, and the path below it. */
export interface RootedPath {
  readonly root: string
  /** POSIX, relative, normalised, never empty and never leaving the root. */
  readonly path: string
}
