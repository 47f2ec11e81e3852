import { LRUCache } from 'lru-cache'

import { atMost } from '../model/at-most.ts'
import { idPlain } from '../model/document.ts'
import type { LogFields } from '../model/log.ts'
import type { Look } from '../model/look.ts'
import type { Transfer } from '../model/transfer.ts'

/** Files that wait are remembered up to so many. */
const REMEMBERED = 50_000
/** The stream may tell of a change so long before or after a scan has found it. Milliseconds. */
const GRACE_MS = 10_000

interface Asked {
  /** When the stream told that it is asked for; undefined: it did not. */
  readonly at: number | undefined
  readonly hasStarted: boolean
  readonly tries: number
}

type FileFields = Pick<LogFields, 'project' | 'representationId' | 'fileId' | 'path' | 'site'>

/**
 * What is asked for, since when, and who said so. A file is asked for by a publish, by a record that is added later, or by one that is
 * reset: each time the first look at it tells. So a site that is added to an old publish counts from then, and an attempt that is made again
 * counts nothing twice.
 */
export class AskedFor {
  readonly #now: () => number
  /** When the stream last told of each representation. */
  readonly #told = new LRUCache<string, number>(atMost(REMEMBERED))
  readonly #known = new LRUCache<string, Map<string, Asked>>({
    maxSize: REMEMBERED,
    sizeCalculation: ({ size }) => Math.max(1, size),
    dispose: (_files, _representation, reason) => {
      if (reason === 'evict') this.#hasForgotten = true
    },
  })
  /** Found by a regular scan, by representation: the stream may still tell of it. */
  readonly #found = new Map<string, { readonly files: number; readonly at: number }>()
  #hasForgotten = false
  /** Sites of which the scans since the last regular one did not see everything, and those of the time before. */
  #cut = new Set<string>()
  #unsure: ReadonlySet<string> | undefined
  #missed = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** The change stream tells of a representation. */
  told(project: string, representationId: unknown): void {
    const key = `${project}/${idPlain(representationId)}`
    this.#told.set(key, this.#now())
    this.#found.delete(key)
  }

  looked({ lead, project, representationId, transfers }: Look): void {
    const key = `${project}/${idPlain(representationId)}`
    const before = this.#known.get(key)
    if (lead === 'change') this.#found.delete(key)
    const at = lead === 'change' ? this.#told.get(key) : undefined
    const files = new Map<string, Asked>()
    const fresh: Transfer[] = []
    for (const transfer of transfers) {
      const file = fileKey(fieldsOf(transfer))
      const known = before?.get(file)
      const { tries } = transfer
      if (isAskedAnew(transfer, known)) {
        fresh.push(transfer)
        files.set(file, { at, hasStarted: false, tries })
      } else files.set(file, { at: undefined, hasStarted: true, ...known, tries })
    }
    if (files.size === 0) this.#known.delete(key)
    else this.#known.set(key, files)
    if (lead === 'interval') this.#foundByScan(key, fresh)
  }

  /** A scan left out what a site has no room for. */
  turnedAway(site: string): void {
    this.#cut.add(site)
  }

  /** A scan of everything has ended; what it left out may be new to the next one. */
  scanned(): void {
    this.#unsure = this.#hasForgotten ? undefined : this.#cut
    this.#cut = new Set()
    this.#hasForgotten = false
  }

  /** How long it was asked for, where its first attempt begins and the stream told of it. Milliseconds. */
  started(fields: FileFields): number | undefined {
    const asked = this.#change(fields, (entry) => ({ ...entry, hasStarted: true }))
    return asked === undefined || asked.hasStarted ? undefined : this.#since(asked)
  }

  /** The same, where it has arrived. */
  arrived(fields: FileFields): number | undefined {
    const asked = this.#change(fields, () => undefined)
    return asked && this.#since(asked)
  }

  failed(fields: FileFields, tries: number): void {
    this.#change(fields, (entry) => ({ ...entry, tries }))
  }

  /** Nobody asks for it any more. */
  dropped(fields: FileFields): void {
    this.#change(fields, () => undefined)
  }

  /** Files that regular scans have found and that the stream did not tell of, since this was asked last. */
  takeMissed(): number {
    const due = this.#now() - GRACE_MS
    for (const [key, { files, at }] of this.#found) {
      if (at > due) continue
      this.#found.delete(key)
      this.#missed += files
    }
    const missed = this.#missed
    this.#missed = 0
    return missed
  }

  #foundByScan(key: string, fresh: readonly Transfer[]): void {
    const told = this.#told.get(key)
    // What it was told of may have been done since the scan has read it.
    if (this.#unsure === undefined || this.#hasForgotten || (told !== undefined && this.#now() - told < GRACE_MS)) return
    const files = fresh.filter(({ site, snapshot }) => snapshot.error === undefined && !this.#unsure?.has(site)).length
    if (files > 0) this.#found.set(key, { files, at: this.#now() })
  }

  /** Gives what was known before. */
  #change(fields: FileFields, change: (asked: Asked) => Asked | undefined): Asked | undefined {
    const { project = '', representationId = '' } = fields
    const key = `${project}/${representationId}`
    const files = this.#known.get(key)
    const asked = files?.get(fileKey(fields))
    if (!files || !asked) return undefined
    const next = change(asked)
    if (next) files.set(fileKey(fields), next)
    else files.delete(fileKey(fields))
    if (files.size === 0) this.#known.delete(key)
    return asked
  }

  #since({ at }: Asked): number | undefined {
    return at === undefined ? undefined : this.#now() - at
  }
}

function isAskedAnew({ tries }: Transfer, before: Asked | undefined): boolean {
  return tries === 0 && (before === undefined || before.tries > 0)
}

function fieldsOf({ fileId, path, site }: Transfer): FileFields {
  return { fileId: idPlain(fileId), path, site }
}

function fileKey({ fileId = '', path = '', site = '' }: FileFields): string {
  return `${fileId}\0${path}\0${site}`
}
