import { hostname } from 'node:os'

import type { HeardReport } from '../streams/state-database.ts'

export interface PageLink {
  readonly url: string
  /** The machine where the address holds. */
  readonly host: string
}

const EVERYWHERE = /\/\/(?:0\.0\.0\.0|\[::\])(?=[:/])/

/** Where a page is served now: on this machine, if on any. `open`: the row of this representation. */
export function pageLink(
  reports: readonly Pick<HeardReport, 'host' | 'page'>[],
  open?: { readonly project: string; readonly id: string },
  here = hostname(),
): PageLink | undefined {
  const serving = reports.filter(({ page }) => page !== undefined)
  const { page, host } = serving.find((report) => report.host === here) ?? serving[0] ?? {}
  if (page === undefined || host === undefined) return undefined
  const url = new URL(page.replace(EVERYWHERE, `//${host}`))
  if (open) url.searchParams.set('open', `${encodeURIComponent(open.project)}/${open.id}`)
  return { url: url.href, host }
}

/** In words: an address of a machine's own leads nowhere from another one. */
export function pageText({ url, host }: PageLink, here = hostname()): string {
  return host === here ? url : `${url} (on ${host})`
}
