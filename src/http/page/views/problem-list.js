import { count, number } from '../format.js'
import { html } from '../library.js'

const MOST = 4

/** What failed, by site and error, each with what helps. Sites in trouble say so themselves, on their cards. */
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

function ProblemRow({ state, group: { site, error, part, failed, exhausted, representations }, isWhole }) {
  const files = failed + exhausted
  const states = exhausted === 0 ? 'failed' : 'failed,exhausted'
  const selection = { site, state: states, ...(part !== undefined && { error: part }) }
  const again = [
    exhausted > 0 && `${count(exhausted, 'file')} given up`,
    failed > 0 && `${count(failed, 'file')} tried again by the next scan`,
  ]
  const about = `files that failed at ${site}${part === undefined ? '' : ` with “${part}”`}`
  return html`<li class="problem">
    <strong>${isWhole ? '' : 'at least '}${count(files, 'file')}</strong>
    <div>
      <p>${site}: ${error}</p>
      <p class="soft small">${again.filter(Boolean).join(', ')}; of ${count(representations, 'representation')}</p>
    </div>
    <div class="buttons">
      <button onClick=${() => state.go({ ...NONE, ...selection })} aria-label="Show files at ${site}: ${error}">Show</button>
      <button
        class="primary"
        onClick=${() => state.show({ action: 'retry', selections: [selection], about })}
        aria-label="Retry ${number(files)}… at ${site}: ${error}"
      >
        Retry ${number(files)}…
      </button>
    </div>
  </li>`
}
