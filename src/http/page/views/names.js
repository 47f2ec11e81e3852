import { Component, html } from '../library.js'
import { nameOf } from './row.js'

/**
 * A block of names, alone, while it is scrolled too fast to read more: one text of as many lines costs a frame less than as many elements. A block stays
 * as it is while it is scrolled, so that the browser draws no more than what comes into view.
 */
export class Names extends Component {
  shouldComponentUpdate({ top, to, height, epoch }) {
    const now = this.props
    return top !== now.top || to !== now.to || height !== now.height || epoch !== now.epoch
  }

  render({ items, from, to, top, height }) {
    const names = items.slice(from, to).map((item) => nameOf(item).replaceAll(/\s/g, ' '))
    const style = { top: `${top}px`, height: `${names.length * height}px` }
    return html`<div class="skimmed" aria-hidden="true" style=${style}>${names.join('\n')}</div>`
  }
}
