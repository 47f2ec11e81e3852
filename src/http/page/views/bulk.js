import { ACTIONS } from '../actions.js'
import { count } from '../format.js'
import { html } from '../library.js'

const BULK = ['retry', 'pause', 'resume', 'priority', 'add-site', 'remove-site', 'reset', 'verify', 'adopt']
/** They have a meaning of their own where nothing but a site or a project is named. */
const WIDE = new Set(['pause', 'resume'])

/** Actions on the rows that are ticked, or on everything that the filters name. */
export function Bulk({ state }) {
  const { query, selected } = state
  const isTicked = selected.size > 0
  const filtered = selectionOf(query)
  const isNothing = state.list.isWhole && state.list.items.length === 0
  if (state.actions.size === 0 || (!isTicked && (!filtered || isNothing))) return null
  const selections = isTicked ? [...selected.values()].map(({ project, id }) => ({ project, representation: id })) : [filtered]
  const about = isTicked ? `of ${count(selected.size, 'representation')}` : 'of all that match the filters'
  const isNarrow = isTicked || Object.keys(filtered).some((key) => key !== 'site' && key !== 'project')
  const fits = (action) => (isNarrow || !WIDE.has(action)) && !(action === 'add-site' && !isTicked && (filtered.state || filtered.error))
  return html`<section class="bulk panel" aria-label="Actions">
    <b>${isTicked ? `${count(selected.size, 'row')} selected` : 'All that match'}</b>
    ${BULK.filter((action) => state.actions.has(action) && fits(action)).map(
      (action) => html`<button key=${action} onClick=${() => state.show({ action, selections, about })}>${ACTIONS[action].word}…</button>`,
    )}
    ${isTicked && html`<button class="plain" onClick=${() => state.deselect()}>Deselect</button>`}
  </section>`
}

/** Ways to look at the list that are no states of records. */
const NO_STATES = new Set(['syncing', 'whole'])

/** The same for an action; a search is for eyes alone, and none where it is part of it. */
function selectionOf({ q, site, project, asset, state, error }) {
  if (q || NO_STATES.has(state)) return undefined
  const named = Object.entries({ site, project, asset, state, error }).filter(([, value]) => value !== '')
  return named.length === 0 ? undefined : Object.fromEntries(named)
}
