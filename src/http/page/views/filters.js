import { isFiltered, NEWEST } from '../address.js'
import { count, number } from '../format.js'
import { html } from '../library.js'

/** Word, what is asked for, what is counted: files of these states, or representations. */
const STATES = [
  ['', 'All', ({ representations }) => representations],
  ['syncing', 'Syncing'],
  ['pending', 'Waiting', 'pending'],
  ['failed,exhausted', 'Failed', 'failed', 'exhausted'],
  ['exhausted', 'Given up', 'exhausted'],
  ['paused', 'Paused', 'paused'],
  ['whole', 'Synced', ({ whole }) => whole],
]

const SORTS = [
  [NEWEST, 'newest first'],
  ['id', 'oldest first'],
  ['asset', 'asset A–Z'],
  ['-asset', 'asset Z–A'],
  ['subset', 'subset A–Z'],
  ['-version', 'highest version'],
  ['name', 'name A–Z'],
]

/** What is shown, with how much there is of it. */
export function Filters({ state }) {
  const { query, counts = [], status } = state
  const projects = [...new Set([...counts.map(({ project }) => project), query.project])]
    .filter(Boolean)
    .toSorted((one, other) => one.localeCompare(other))
  const sites = (status?.sites ?? []).map(({ site }) => site)
  return html`<section class="filters" aria-label="Filters">
    <div class="chips" role="group" aria-label="State">
      ${STATES.map(([value, word, ...keys]) => {
        const { text, title } = amount(state, keys)
        return html`<button
          class="chip"
          key=${value}
          aria-pressed=${query.state === value ? 'true' : 'false'}
          title=${title}
          onClick=${() => state.go({ state: value })}
        >
          ${word}${text !== undefined && html`<b>${text}</b>`}
        </button>`
      })}
    </div>
    ${query.error && html`<button class="chip" aria-pressed="true" onClick=${() => state.go({ error: '' })}>error: ${query.error} ✕</button>`}
    ${query.asset && html`<button class="chip" aria-pressed="true" onClick=${() => state.go({ asset: '' })}>asset: ${query.asset} ✕</button>`}
    ${isFiltered(query) && html`<button class="plain" onClick=${() => state.go({ q: '', state: '', site: '', project: '', asset: '', error: '' })}>Clear</button>`}
    <span class="grow"></span>
    <${Choice}
      label="Site"
      value=${query.site}
      options=${[['', 'all sites'], ...sites.map((site) => [site, site])]}
      choose=${(site) => state.go({ site })}
    />
    <${Choice}
      label="Project"
      value=${query.project}
      options=${[['', 'all projects'], ...projects.map((project) => [project, project])]}
      choose=${(project) => state.go({ project })}
    />
    <${Choice}
      label="Order"
      value=${query.sort || NEWEST}
      options=${SORTS}
      choose=${(sort) => state.go({ sort: sort === NEWEST ? '' : sort })}
    />
  </section>`
}

const isOf = (query, { site, project }) => (!query.site || site === query.site) && (!query.project || project === query.project)

/** Files of some states, representations as far as they can be counted, or what is being sent. */
function amount({ query, counts = [], totals, running, connection }, [first, ...more]) {
  if (first === undefined) {
    if (connection !== 'live') return {}
    const moving = [...running.all.values()].filter((each) => isOf(query, each))
    const found = new Set(moving.map(({ project, representation }) => `${project}/${representation}`))
    return { text: number(found.size), title: count(found.size, 'representation') }
  }
  if (typeof first === 'function') {
    const seen = totals.filter(({ project }) => !query.project || project === query.project)
    // Of a single site it is not known.
    if (query.site || seen.length === 0) return {}
    const sum = seen.reduce((total, each) => total + first(each), 0)
    return seen.some(({ estimated }) => estimated)
      ? { text: `≈ ${number(rounded(sum))}`, title: `about ${count(rounded(sum), 'representation')}, by a sample` }
      : { text: number(sum), title: count(sum, 'representation') }
  }
  if (counts.length === 0) return {}
  const files = [first, ...more].reduce(
    (sum, key) => sum + counts.reduce((total, each) => total + (isOf(query, each) ? each[key] : 0), 0),
    0,
  )
  return { text: number(files), title: count(files, 'file') }
}

/** To two digits: a sample says no more. */
const rounded = (value) => Number(value.toPrecision(2))

const Choice = ({ label, value, options, choose }) =>
  html`<select aria-label=${label} value=${value} onChange=${({ currentTarget }) => choose(currentTarget.value)}>
    ${options.map(([option, word]) => html`<option key=${option} value=${option} selected=${option === value}>${word}</option>`)}
  </select>`
