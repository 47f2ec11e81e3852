import { act, get } from './api.js'

const AGAIN_MS = 700

/**
 * Does, or with `dry_run` only counts, what an action does to each of the selections. What takes long is a job of the service, which is
 * looked at until it ends.
 */
export async function perform(action, selections, options, { tell = () => {}, signal } = {}) {
  const sum = { records: 0, representations: 0, refused: 0, skipped: 0, uneditable: 0, pauses: [], still: [], found: [] }
  for (const [n, selection] of selections.entries()) {
    const answer = await act(action, { selection, ...options }, signal)
    const done = answer.job ? await endOf(answer.job, tell, signal) : answer
    for (const key of ['records', 'representations', 'refused', 'skipped', 'uneditable']) sum[key] += done[key] ?? 0
    sum.found.push(...(done.findings ?? done.left ?? []))
    sum.pauses.push(...(done.pauses ?? []))
    sum.still.push(...(done.still_paused ?? []))
    if (selections.length > 1) tell(`${n + 1} of ${selections.length}`)
  }
  return sum
}

async function endOf({ id }, tell, signal) {
  for (;;) {
    const job = await get(`jobs/${encodeURIComponent(id)}`, {}, signal)
    if (job.state === 'done') return job.result
    if (job.state === 'failed') throw new Error(job.error)
    tell(job.progress?.looked === undefined ? 'looking…' : `${job.progress.looked} representations looked at`)
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
    signal?.throwIfAborted()
  }
}

/** The same for each site by itself, so that a preview can say how many files are touched where. */
export async function previewBySite(action, [selection], sites, options, context) {
  const found = []
  for (const site of sites) {
    const { records } = await perform(action, [{ ...selection, site }], { ...options, dry_run: true }, context)
    if (records > 0) found.push({ site, records })
  }
  return found
}
