import { number, time } from '../format.js'
import { html } from '../library.js'
import { ActionDialog } from './action-dialog.js'
import { Bulk } from './bulk.js'
import { Filters } from './filters.js'
import { History } from './history.js'
import { ProblemList } from './problem-list.js'
import { Queue } from './queue.js'
import { SignIn } from './sign-in.js'
import { SiteCard } from './site-card.js'
import { Top } from './top.js'

/** The whole page, in the order in which one reads: is anything wrong, what helps, and then everything. */
export function App({ state }) {
  const { status, dialog, query } = state
  const siteNames = (status?.sites ?? []).map(({ site }) => site)
  return html`<${Top} state=${state} />
    <main>
      <${Lost} state=${state} />
      <${SignIn} state=${state} />
      ${query.view === 'history' ? html`<${History} state=${state} snapshots=${state.snapshots} />` : html`<${Everything} state=${state} />`}
    </main>
    ${
      dialog &&
      html`<${ActionDialog}
        dialog=${dialog}
        sites=${siteNames}
        close=${() => state.show(undefined)}
        done=${() => state.refresh()}
        given=${() => state.isRefused && state.signIn()}
      />`
    }`
}

const Everything = ({ state }) =>
  html`<section aria-label="Sites">
      <ul class="cards">
        ${(state.status?.sites ?? []).map((site) => html`<${SiteCard} key=${site.site} state=${state} site=${site} />`)}
      </ul>
    </section>
    <${ProblemList} state=${state} />
    <${Filters} state=${state} />
    <${Bulk} state=${state} />
    <${Queue} state=${state} />
    <${Fresh} state=${state} />`

/** What came or changed waits here: rows that are being read do not move away. While they are read again and that takes long, it says so. */
function Fresh({ state }) {
  const { fresh, isStale, isSlow, items } = state.list
  if (isSlow && items.length > 0)
    return html`<div class="fresh" role="status"><p class="looking panel">Looking for what is there now…</p></div>`
  if (fresh === 0 && !isStale) return html`<div class="fresh" role="status"></div>`
  const word = isStale ? 'Much changed: show it' : `${number(fresh)} new`
  return html`<div class="fresh" role="status"><button class="primary" onClick=${() => state.refresh()}>${word}</button></div>`
}

function Lost({ state: { connection, heard } }) {
  if (connection !== 'lost') return null
  return html`<p class="lost panel" role="alert">
    ${heard ? `The service does not answer. What is shown is from ${time(heard)}; reconnecting.` : 'The service does not answer yet; connecting again.'}
  </p>`
}
