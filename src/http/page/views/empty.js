import { html } from '../library.js'
import { fileName, time } from '../format.js'

const ADD_SITE = `"sites": {
  "gdrive": { "provider": "gdrive", "root": "/My Drive/Site Sync",
              "credentials_url": "/etc/site-sync/gdrive.json" }
}`

/** What is said where there is no row to show. */
export function Empty({ state, isFiltered }) {
  const { list, status, query, activity } = state
  if (state.isRefused) return null
  if (list.fault)
    return html`<${Said} title="The list can't be read now" text=${list.fault.message}
      ><div class="buttons">
        <button onClick=${() => state.refresh()}>Try again</button>
        ${query.sort && html`<button onClick=${() => state.go({ sort: '' })}>Newest first</button>`}
      </div><//
    >`
  if (list.isSlow) return html`<${Said} title="Looking…" text="What is rare or old takes a few seconds where much was published." />`
  if (list.isLoading || !list.isWhole) return html`<div class="empty"></div>`
  if (status && status.sites.length === 0) {
    return html`<${Said}
      title="No sites yet"
      text="A site is a named place that holds files. Add one to the configuration; the service takes it without a restart."
    >
      <pre class="command">${ADD_SITE}</pre>
    <//>`
  }
  if (!isFiltered)
    return html`<${Said} title="Nothing was published yet" text="What is published appears here by itself, with its state at each site." />`
  if (!query.q && /^(?:pending|failed|exhausted|,)+$/.test(query.state)) {
    const last = activity.ended.find(({ outcome }) => outcome === 'synced')
    return html`<${Said}
      title="Everything is where it should be"
      text=${last ? `Last sent: ${fileName(last.path)} to ${last.site}, ${time(last.at)}.` : 'Nothing waits, and nothing failed.'}
    />`
  }
  return html`<${Said} title="Nothing is like that" text="No representation has all that is asked for.">
    <button onClick=${() => state.go({ q: '', state: '', site: '', project: '', asset: '', error: '' })}>Show all</button>
  <//>`
}

const Said = ({ title, text, children }) =>
  html`<section class="empty panel" role="status">
    <h2>${title}</h2>
    <p class="soft">${text}</p>
    ${children}
  </section>`
