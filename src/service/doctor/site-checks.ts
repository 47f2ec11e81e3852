import { SyncError, toSyncError, type ErrorCode } from '../../errors.ts'
import { bytesText } from '../../model/bytes-text.ts'
import { publishSites } from '../../model/project-settings.ts'
import type { Settings } from '../../model/settings.ts'
import { shellWord } from '../../model/shell-word.ts'
import type { Site } from '../../model/site.ts'
import { freeBytes, FULL_BELOW } from '../../providers/local-drive/free-space.ts'
import { ProviderPool, type ProviderMemory, type ProviderPoolParts } from '../../providers/provider-pool.ts'
import { readOnlyMemory } from '../read-only-memory.ts'
import { fail, limited, pass, warn, type Check } from './check.ts'

/** Less than this is worth a word. Bytes. */
const SCARCE = 10 * 1024 ** 3

const FIXES: Partial<Readonly<Record<ErrorCode, string>>> = {
  MISCONFIGURED: 'correct the site in the configuration',
  CREDENTIALS: 'correct credentials_url, or make a new key (docs/google-drive.md)',
  PERMISSION: "give the service's user the right to write there",
  QUOTA: 'make room, or raise the quota',
  RATE_LIMITED: 'wait, and run doctor again',
  DISK_FULL: 'make room on this disk',
  UNREACHABLE: 'check network, host name and firewall',
}

export interface SiteChecksParts {
  readonly settings: Settings
  /** What is known of roots; never rejects, and answers undefined where the database does not serve. */
  readonly loadRoot: ProviderMemory['loadRoot']
  readonly open?: ProviderPoolParts['open']
  readonly limitMs?: number
}

/** Every site of the configuration: can it be opened, and written to, read from and tidied up at each root? */
export async function siteChecks({ settings, loadRoot, open, limitMs }: SiteChecksParts): Promise<readonly Check[]> {
  await using providers = new ProviderPool({
    memory: readOnlyMemory(loadRoot),
    // No root is created here.
    isSource: () => true,
    warn: () => undefined,
    ...(settings.ownFiles && { ownFiles: settings.ownFiles }),
    ...(open && { open }),
  })
  const sources = new Set(publishSites(settings))
  const found = labelled(settings).map(async ([label, site]) => {
    const [opened] = await limited(`credentials ${label}`, async () => await openable(label, site, providers), undefined, limitMs)
    if (opened?.status === 'fail') return [opened]
    const roots = typeof site.root === 'string' ? [site.root] : [...site.root.values()]
    const checks = roots.flatMap((root) => {
      const name = roots.length > 1 ? `site ${label} ${root}` : `site ${label}`
      const tried = limited(
        name,
        async (signal) => await tryRoot(name, { site, root, isSource: sources.has(site.name) }, providers, signal),
        (error) => fixOf(toSyncError(error), site, root),
        limitMs,
      )
      const disk = `disk ${name.slice('site '.length)}`
      return site.provider === 'local_drive' ? [tried, limited(disk, async () => await room(disk, root), undefined, limitMs)] : [tried]
    })
    return [...(site.credentialsFile === undefined || !opened ? [] : [opened]), ...(await Promise.all(checks)).flat()]
  })
  return [...(await Promise.all(found)).flat(), ...elsewhere(settings)]
}

/** Those of single projects say so. */
function labelled({ sites, projects }: Settings): readonly (readonly [string, Site])[] {
  const own = [...projects.overrides].flatMap(([project, override]) =>
    [...(override.sites?.values() ?? [])].map((site) => [`${site.name} (${project})`, site] as const),
  )
  return [...[...sites.values()].map((site) => [site.name, site] as const), ...own]
}

async function openable(label: string, site: Site, providers: ProviderPool): Promise<Check> {
  const name = `credentials ${label}`
  const mistake = site.fault === undefined ? await providers.mistakeOf(site) : new SyncError('MISCONFIGURED', site.fault)
  if (mistake) return fail(name, mistake.message, FIXES[mistake.code] ?? 'correct the site in the configuration')
  return pass(name, site.credentialsFile ?? 'none needed')
}

interface Place {
  readonly site: Site
  readonly root: string
  readonly isSource: boolean
}

async function tryRoot(name: string, { site, root, isSource }: Place, providers: ProviderPool, signal: AbortSignal): Promise<Check> {
  const provider = await providers.get(site)
  try {
    await provider.probe({ signal, operation: 'write', roots: [root] })
    return pass(name, `${root}: a small file was written, renamed, read back and removed`)
  } catch (error) {
    if (!isSource || !(error instanceof SyncError) || error.code !== 'PERMISSION') throw error
    await provider.probe({ signal, operation: 'read', roots: [root] })
    return warn(
      name,
      `${root} can be read and not written: files are sent from there, and none can come back (${error.message})`,
      FIXES.PERMISSION ?? '',
    )
  }
}

function fixOf({ code, message }: SyncError, { name, provider, markerFile }: Site, root: string): string {
  if (code !== 'ROOT_MISSING') return FIXES[code] ?? 'mend what it says, and run doctor again'
  if (provider !== 'local_drive') return 'make the folder there, share it with the account, or correct root'
  const accept = `site-sync accept-root ${name.startsWith('-') ? '-- ' : ''}${shellWord(name)}`
  if (message.includes('accept-root')) return `mount it; where another disk stands there on purpose: ${accept}`
  if (markerFile !== undefined && message.includes(markerFile))
    return `mount it; on a share that is new, make its marker once: touch ${shellWord(`${root}/${markerFile}`)}; where another disk stands there on purpose, also: ${accept}`
  return `mount it; where the folder is to be new: mkdir -p ${shellWord(root)}`
}

async function room(name: string, root: string): Promise<Check> {
  const free = await freeBytes(root)
  if (free === undefined) return pass(name, `${root}: its file system does not say what is free`)
  const said = `${root}: ${bytesText(free)} free`
  if (free < FULL_BELOW) return fail(name, said, FIXES.DISK_FULL ?? '')
  return free < SCARCE ? warn(name, said, `make room: below ${bytesText(SCARCE)} a few large files fill it`) : pass(name, said)
}

/** Sites that have no root here. */
function elsewhere(settings: Settings): readonly Check[] {
  const { sites, skipped, documentRoots } = settings
  const notHere = [...(skipped?.values() ?? [])].map(({ name, reason }) => pass(`site ${name}`, `not for this machine: ${reason}`))
  const named = publishSites(settings).filter((name) => !sites.has(name) && skipped?.has(name) !== true)
  const byDocuments = named.map((name) => {
    const detail = 'it has no root in the configuration: documents say where its files are'
    if (documentRoots?.allowed !== undefined) return pass(`site ${name}`, `${detail}, within publish_roots`)
    return warn(`site ${name}`, detail, 'name the folders that they may lie in, in publish_roots')
  })
  return [...notHere, ...byDocuments]
}
