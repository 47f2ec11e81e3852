import { bytes, exactTime, fileName, tries } from '../format.js'
import { Component, html } from '../library.js'
import { rowsBetween, topOf, totalHeight } from '../rows.js'
import { Bar } from './cell.js'
import { middle, stateWord } from './shapes.js'

const HEIGHT = 34
const MOST_SEEN = 340

/** The files of a representation, one row each and one column for each site; as many are drawn as are seen. */
export class FileTable extends Component {
  state = { top: 0 }

  #scrolled = ({ currentTarget }) => this.setState({ top: currentTarget.scrollTop })

  render({ state, item, files, sites }, { top }) {
    const layout = { height: HEIGHT, openHeight: 0 }
    const { first, last } = rowsBetween(layout, { top, bottom: top + MOST_SEEN }, files.length)
    const columns = `minmax(180px, 2fr) 76px ${sites.map(() => 'minmax(120px, 1fr)').join(' ')}`
    return html`<div
      class="files panel"
      role="region"
      aria-label="Files"
      tabindex="0"
      onScroll=${this.#scrolled}
      style=${{ '--columns': columns }}
    >
      <div role="table" aria-label="Files of it" aria-rowcount=${files.length + 1}>
        <div class="head line" role="row" aria-rowindex="1">
          <span role="columnheader">File</span><span role="columnheader" class="right">Size</span>
          ${sites.map((site) => html`<span role="columnheader" key=${site}>${site}</span>`)}
        </div>
        <div class="rows" role="rowgroup" style=${{ height: `${totalHeight(layout, files.length)}px` }}>
          ${files.slice(first, last + 1).map(
            (file, n) =>
              html`<div
                class="row line"
                role="row"
                key=${file.id}
                aria-rowindex=${first + n + 2}
                style=${{ top: `${topOf(layout, first + n)}px` }}
              >
                <span class="cell" role="cell" title=${file.path}>${middle(fileName(file.path))}</span>
                <span class="right soft" role="cell">${bytes(file.size)}</span>
                ${sites.map((site) => html`<span class="cell" role="cell" key=${site}>${atSite(state, item, file, site)}</span>`)}
              </div>`,
          )}
        </div>
      </div>
    </div>`
  }
}

function atSite(state, item, file, site) {
  const at = file.sites.get(site)
  if (!at || at.state === 'no-record')
    return html`<span class="soft"><span aria-hidden="true">–</span><span class="hidden">not asked for</span></span>`
  if (at.state === 'synced')
    return stateWord('synced', 'good', html`<span class="hidden">synced</span>`, at.created_dt && exactTime(at.created_dt))
  const [moving] = state.running.of(item, site, file.id)
  if (moving) {
    const share = moving.size > 0 ? Math.min(1, moving.bytes / moving.size) : 0
    return html`<${Bar} value=${share} most=${1} word=${`${Math.floor(share * 100)}%`} />`
  }
  if (at.state === 'paused') return stateWord('paused', 'calm', 'paused')
  if (at.state === 'pending' && !at.error) return html`<span class="soft">waiting</span>`
  if (at.state === 'skipped') return html`<span class="soft">not for this machine</span>`
  if (at.state === 'no-source') return stateWord('failed', 'warn', 'no source', at.reason)
  return stateWord(
    'failed',
    at.state === 'pending' || at.state === 'failed' ? 'warn' : 'bad',
    at.tries === undefined ? at.state : tries(at.tries),
    at.error ?? at.reason,
  )
}
