import { bytes, exactTime, madeAt, number, time, version } from '../format.js'
import { Component, html } from '../library.js'
import { keyOf } from '../queue-list.js'
import { Cell } from './cell.js'
import { isShort, middle, shape } from './shapes.js'

/** What people call a representation. */
export const nameOf = ({ asset, subset, version: of, name, id }) => [asset, subset, version(of), name].filter(Boolean).join(' ') || id

/** One representation. A scroll moves none of them: only new ones are drawn for it. */
export class Row extends Component {
  shouldComponentUpdate(next) {
    const now = this.props
    return next.epoch !== now.epoch || next.top !== now.top || next.isOpen !== now.isOpen || next.isActive !== now.isActive
  }

  render(props) {
    return drawn(props)
  }
}

function drawn({ state, item, sites, top, at, isOpen, isActive }) {
  const made = madeAt(item.id)
  const key = keyOf(item)
  const name = nameOf(item)
  const asset = item.asset ?? item.id
  return html`<div class="row line" role="row" aria-rowindex=${at + 2} style=${{ top: `${top}px` }}>
    <div class="what" role="cell">
      <input
        type="checkbox"
        aria-label="Select ${name}"
        tabindex=${isActive ? 0 : -1}
        checked=${state.selected.has(key)}
        onChange=${({ currentTarget }) => state.select(item, currentTarget.checked)}
      />
      <button
        class="name plain"
        data-at=${at}
        tabindex=${isActive ? 0 : -1}
        aria-expanded=${isOpen ? 'true' : 'false'}
        aria-controls=${isOpen ? 'detail' : undefined}
        onClick=${() => state.open(key)}
      >
        ${shape('arrow', 'arrow')}
        <span class="title"> <b class=${isShort(asset) ? 'whole' : ''}>${middle(asset)}</b>${item.subset && middle(item.subset)} </span>
        <span class="of"
          ><span class="soft">${version(item.version)}</span>${item.name && html`<span class="tag">${item.name}</span>`}</span
        >
        <span class="project soft small">${item.project}</span>
      </button>
    </div>
    <div class="number right" role="cell">${number(item.file_count)}</div>
    <div class="number right" role="cell">${bytes(item.size)}</div>
    ${sites.map((site) => html`<${Cell} key=${site} state=${state} item=${item} site=${site} fileCount=${item.file_count} />`)}
    <div class="number right soft" role="cell" title=${made && exactTime(made)}>${made ? time(made) : '–'}</div>
  </div>`
}
