import { count, number } from '../format.js'
import { html } from '../library.js'
import { remedyOf } from '../remedy.js'

const MOST = 4

/** What failed, by cause, each with what helps. Sites in trouble say so themselves, on their cards. */
export function ProblemList({ state }) {
  const { groups, isWhole } = state.problems
  if (groups.length === 0) return null
  return html`<section aria-label="Problems">
    <ul class="problems panel">
      ${groups.slice(0, MOST).map((group) => html`<${ProblemRow} key=${group.key} state=${state} group=${group} isWhole=${isWhole} />`)}
      ${
        (groups.length > MOST || !isWhole) &&
        html`<li class="problem">
          <span></span><span class="soft">There is more that failed.</span>
          <button onClick=${() => state.go({ ...NONE, state: 'failed,exhausted' })}>Show all</button>
        </li>`
      }
    </ul>
  </section>`
}

const NONE = { q: '', site: '', project: '', asset: '', error: '', state: '', open: '' }

function ProblemRow({ state, group, isWhole }) {
  const { sites, error, part, files, exhausted, representations } = group
  const remedy = remedyOf(group, state.status)
  const selection = { state: exhausted === 0 ? 'failed' : 'failed,exhausted', ...(part !== undefined && { error: part }) }
  const where = sites.join(', ')
  const facts = [
    exhausted > 0 && `given up${sites.length > 1 ? ` at ${sites.length} sites` : ''}`,
    `of ${count(representations, 'representation')}`,
    remedy.text,
  ]
  const showIt = { ...NONE, ...selection, ...(sites.length === 1 && { site: sites[0] }) }
  return html`<li class="problem">
    <strong>${isWhole ? '' : 'at least '}${count(files, 'file')}</strong>
    <div>
      <p>${where}: ${error}</p>
      <p class="soft small">${facts.filter(Boolean).join('; ')}</p>
    </div>
    <div class="buttons">
      <button onClick=${() => state.go(showIt)} aria-label="Show files at ${where}: ${error}">Show</button>
      <${Remedy} state=${state} remedy=${remedy} group=${group} selection=${selection} />
    </div>
  </li>`
}

/** The one action that helps; none where waiting is the answer. */
function Remedy({ state, remedy: { kind, sites, isUrgent }, group: { error, part, files }, selection }) {
  const where = sites.join(', ')
  if (kind === 'retry') {
    const about = `files that failed at ${where}${part === undefined ? '' : ` with “${part}”`}`
    const selections = sites.map((site) => ({ site, ...selection }))
    return html`<button
      class=${isUrgent ? 'primary' : ''}
      onClick=${() => state.show({ action: 'retry', selections, about })}
      aria-label="Retry ${number(files)}… at ${where}: ${error}"
    >
      Retry ${number(files)}…
    </button>`
  }
  if (kind !== 'resume') return null
  const selections = sites.map((site) => ({ site }))
  return html`<button
    class="primary"
    onClick=${() => state.show({ action: 'resume', selections, about: `all files of the site ${where}`, isWide: true })}
    aria-label="Resume… ${where}: ${error}"
  >
    Resume ${where}…
  </button>`
}
