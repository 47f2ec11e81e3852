import { count, number } from '../format.js'
import { Component, html } from '../library.js'
import { remedyOf } from '../remedy.js'
import { shape } from './shapes.js'

const MOST = 4

/** What failed, by cause, each with what helps. Sites in trouble say so themselves, on their cards. On a phone it is a line that opens. */
export class ProblemList extends Component {
  state = { isOpen: false }

  render({ state }, { isOpen }) {
    const { groups, isWhole } = state.problems
    if (groups.length === 0) return null
    const isMore = groups.length > MOST || !isWhole
    return html`<section aria-label="Problems">
      <button class="summary panel" aria-expanded=${isOpen ? 'true' : 'false'} onClick=${() => this.setState({ isOpen: !isOpen })}>
        ${shape('arrow', 'arrow')}
        <span><b>${isMore ? 'at least ' : ''}${count(groups.length, 'problem')}</b> · ${filesOf(groups)}</span>
        <span class="soft small">${groups[0].sites.join(', ')}: ${groups[0].error}</span>
      </button>
      <ul class="problems panel ${isOpen ? 'open' : ''}">
        ${groups.slice(0, MOST).map((group) => html`<${ProblemRow} key=${group.key} state=${state} group=${group} isWhole=${isWhole} />`)}
        ${
          isMore &&
          html`<li class="problem">
            <span></span><span class="soft">There is more that failed.</span>
            <button onClick=${() => state.go({ ...NONE, state: 'failed,exhausted' })}>Show all</button>
          </li>`
        }
      </ul>
    </section>`
  }
}

const filesOf = (groups) =>
  count(
    groups.reduce((sum, { files }) => sum + files, 0),
    'file',
  )

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
  if (!state.actions.has(kind)) return null
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
  const selections = sites.map((site) => ({ site }))
  return html`<button
    class="primary"
    onClick=${() => state.show({ action: 'resume', selections, about: `all files of the site ${where}`, isWide: true })}
    aria-label="Resume… ${where}: ${error}"
  >
    Resume ${where}…
  </button>`
}
