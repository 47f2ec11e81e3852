import type { Settings } from '../../src/model/settings.ts'
import { adoptFiles, noAdoptCounts, type AdoptCounts, type AdoptParts, type NotAdopted } from '../../src/service/verify/adopt-files.ts'
import { noVerifyCounts, verifySites, type Found, type VerifyCounts, type VerifyParts } from '../../src/service/verify/verify-sites.ts'
import { KINDS } from './direction-kinds.ts'
import { lookingPool } from './looking-pool.ts'
import { openDriveStage, type DriveStage } from './drive-stage.ts'
import { recordOf, type Representation, type SiteRecordJson } from './published.ts'

/** A name that no dotted path can spell. */
export const SITE = 'cl.ient'

export interface Verified extends VerifyCounts {
  readonly found: readonly Found[]
}

export interface Adopting extends AdoptCounts {
  readonly left: readonly NotAdopted[]
}

/** A production with a site of one kind, whose files are looked at. */
export interface Production {
  readonly drive: DriveStage
  readonly settings: Settings
  put(path: string, content: string): Promise<void>
  verify(parts?: Partial<VerifyParts>): Promise<Verified>
  adopt(parts?: Partial<AdoptParts>): Promise<Adopting>
}

export async function openProduction(kind: string): Promise<Production> {
  const drive = await openDriveStage()
  const { stage } = drive
  const storage = KINDS[kind]
  if (!storage) throw new Error(kind)
  const site = await storage.site(drive, SITE)
  const settings = { ...stage.settings, sites: new Map(stage.settings.sites).set(SITE, site) }
  const common = () => ({
    db: stage.db,
    settings,
    selection: { site: SITE, all: true as const },
    isDryRun: false,
    misconfigured: new Map(),
    signal: new AbortController().signal,
  })
  return {
    drive,
    settings,
    put: async (path, content) => await storage.put(drive, SITE, path, Buffer.from(content)),
    async verify(parts = {}) {
      await using providers = lookingPool(stage)
      const counts = noVerifyCounts()
      const found: Found[] = []
      for await (const one of verifySites({ ...common(), mend: 'report', providers, ...parts }, counts)) found.push(one)
      return { ...counts, found }
    },
    async adopt(parts = {}) {
      await using providers = lookingPool(stage)
      const counts = noAdoptCounts()
      const left: NotAdopted[] = []
      for await (const one of adoptFiles({ ...common(), providers, ...parts }, counts)) left.push(one)
      return { ...counts, left }
    },
  }
}

/** The records of a site, file by file, without its name. */
export async function recordsNow(
  { drive: { stage } }: Production,
  { _id }: Representation,
  site = SITE,
): Promise<(SiteRecordJson | undefined)[]> {
  const now = await stage.project('prj').findOne({ _id })
  return (now?.files ?? []).map((file) => {
    const record = recordOf(file, site)
    if (!record) return undefined
    const { name: _name, ...rest } = record
    return rest
  })
}
