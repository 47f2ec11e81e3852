import { isFiltered, NEWEST } from '../address.js'
import { number } from '../format.js'
import { html } from '../library.js'

const STATES = [
  ['', 'All'],
  ['pending', 'Waiting', 'pending'],
  ['failed,exhausted', 'Failed', 'failed', 'exhausted'],
  ['exhausted', 'Given up', 'exhausted'],
  ['paused', 'Paused', 'paused'],
  ['synced', 'Synced'],
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

/** What is shown, with how many files there are of it. */
export function Filters({ state }) {
  const { query, counts = [], status } = state
  const seen = counts.filter(({ site, project }) => (!query.site || site === query.site) && (!query.project || project === query.project))
  const files = (keys) => keys.reduce((sum, key) => sum + seen.reduce((total, each) => total + each[key], 0), 0)
  const projects = [...new Set([...counts.map(({ project }) => project), query.project])]
    .filter(Boolean)
    .toSorted((one, other) => one.localeCompare(other))
  const sites = (status?.sites ?? []).map(({ site }) => site)
  return html`<section class="filters" aria-label="Filters">
    <div class="chips" role="group" aria-label="State">
      ${STATES.map(([value, word, ...keys]) => {
        const isOn = query.state === value
        const of = keys.length > 0 && counts.length > 0 ? files(keys) : undefined
        return html`<button
          class="chip"
          key=${value}
          aria-pressed=${isOn ? 'true' : 'false'}
          title=${of === undefined ? undefined : `${number(of)} files`}
          onClick=${() => state.go({ state: value })}
        >
          ${word}${of === undefined ? '' : html`<b>${number(of)}</b>`}
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

const Choice = ({ label, value, options, choose }) =>
  html`<select aria-label=${label} value=${value} onChange=${({ currentTarget }) => choose(currentTarget.value)}>
    ${options.map(([option, word]) => html`<option key=${option} value=${option} selected=${option === value}>${word}</option>`)}
  </select>`
