import { isFiltered } from '../address.js'
import { number } from '../format.js'
import { Component, html } from '../library.js'
import { keyOf } from '../queue-list.js'
import { Pace } from '../pace.js'
import { blocksBetween, blocksOf, rowHeight, rowsBetween, topOf, totalHeight, rowAt } from '../rows.js'
import { Detail } from './detail.js'
import { Empty } from './empty.js'
import { Names } from './names.js'
import { Row } from './row.js'

const PHONE = matchMedia('(max-width: 720px)')
/** Before the detail of an open row was measured. */
const DETAIL_HEIGHT = 320
const NONE = { first: 0, last: -1 }

/** The list: as many rows as are loaded, of which those near what is seen are drawn. */
export class Queue extends Component {
  state = { active: 0, openHeight: DETAIL_HEIGHT, top: 0, bottom: 1_000, isFast: false }
  #rows = null
  #measure = new ResizeObserver(([{ target }]) => this.#measured(target))
  #detail = null
  #look = () => this.#looked()
  #pace = new Pace(this.#look)
  #scroll = () => {
    this.#pace.moved(scrollY)
    this.#looked()
  }

  componentDidMount() {
    addEventListener('scroll', this.#scroll, { passive: true })
    addEventListener('resize', this.#look)
    this.#looked()
  }

  componentWillUnmount() {
    removeEventListener('scroll', this.#scroll)
    removeEventListener('resize', this.#look)
    this.#measure.disconnect()
    this.#pace.stop()
  }

  componentDidUpdate() {
    if (this.wanted !== undefined) {
      this.#rows?.querySelector(`[data-at="${this.wanted}"]`)?.focus({ preventScroll: true })
      this.wanted = undefined
    }
    this.#looked()
  }

  /** Draws nothing anew that stays as it is: scrolling asks this for each frame. */
  #looked() {
    if (!this.#rows) return
    const { top } = this.#rows.getBoundingClientRect()
    const { list } = this.props.state
    const seen = { top: -top, bottom: innerHeight - top }
    this.props.state.viewAt = Math.min(list.items.length, Math.max(0, rowAt(this.layout, seen.bottom)))
    const now = rowsBetween(this.layout, seen, list.items.length)
    if (now.last + 40 >= list.items.length) void list.more()
    const { isFast } = this.#pace
    const between = isFast ? blocksBetween : rowsBetween
    const [before, after] = [this.state, seen].map((each) => between(this.layout, each, list.items.length))
    if (after.first !== before.first || after.last !== before.last || isFast !== this.state.isFast) this.setState({ ...seen, isFast })
  }

  #measured(target) {
    const openHeight = Math.ceil(target.getBoundingClientRect().height)
    if (openHeight > 0 && openHeight !== this.state.openHeight) this.setState({ openHeight })
  }

  #hold = (element) => {
    if (element === this.#detail) return
    if (this.#detail) this.#measure.unobserve(this.#detail)
    this.#detail = element
    if (element) this.#measure.observe(element)
  }

  /** Arrows and the like go from row to row; Tab leaves the list. */
  #key = (event) => {
    if (event.target.dataset?.at === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    const count = this.props.state.list.items.length
    const page = Math.max(1, Math.floor(innerHeight / this.layout.height) - 2)
    const at = Number(event.target.dataset.at)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: count - 1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    this.#goTo(Math.max(0, Math.min(count - 1, to)))
  }

  #goTo(active) {
    const list = this.#rows.getBoundingClientRect()
    const top = list.top + topOf(this.layout, active)
    if (top < 60) scrollBy(0, top - 60)
    else if (top + this.layout.height > innerHeight - 20) scrollBy(0, top + this.layout.height - innerHeight + 20)
    this.wanted = active
    this.setState({ active })
  }

  render({ state }, { openHeight, top, bottom, isFast }) {
    const { list, query } = state
    const { items } = list
    const sites = columnsOf(state)
    const openAt = query.open ? items.findIndex((item) => keyOf(item) === query.open) : -1
    this.layout = {
      height: rowHeight(PHONE.matches, sites.length),
      openAt: openAt < 0 ? undefined : openAt,
      openHeight,
    }
    const active = Math.min(this.state.active, Math.max(0, items.length - 1))
    const near = (isFast ? blocksBetween : rowsBetween)(this.layout, { top, bottom }, items.length)
    const blocks = isFast ? blocksOf(this.layout, near, items.length) : []
    const shown = shownRows(isFast ? NONE : near, active, items.length, this.layout.openAt)
    const columns = `minmax(270px, 2fr) 52px 72px ${sites.map(() => 'minmax(104px, 1fr)').join(' ')} 100px`
    if (items.length === 0) {
      return html`${query.open && html`<${LooseDetail} state=${state} />`}<${Empty} state=${state} isFiltered=${isFiltered(query)} />`
    }
    return html`${query.open && openAt < 0 && !list.isLoading && html`<${LooseDetail} state=${state} />`}
      <div
        class="queue panel"
        role="table"
        aria-label="Queue"
        aria-rowcount=${list.isWhole ? items.length + 1 : -1}
        style=${{ '--columns': columns, '--row': `${this.layout.height}px` }}
        onKeyDown=${this.#key}
      >
        <div class="head line" role="row" aria-rowindex="1">
          <span role="columnheader">Representation</span>
          <span role="columnheader" class="right">Files</span>
          <span role="columnheader" class="right">Size</span>
          ${sites.map((site) => html`<span role="columnheader" key=${site}>${site}</span>`)}
          <span role="columnheader" class="right">Published</span>
        </div>
        <div
          class="rows"
          role="rowgroup"
          ref=${(element) => (this.#rows = element)}
          style=${{ height: `${totalHeight(this.layout, items.length)}px` }}
        >
          ${blocks.map(
            ({ slot, from, to }) =>
              html`<${Names}
                key=${slot}
                items=${items}
                from=${from}
                to=${to}
                top=${topOf(this.layout, from)}
                height=${this.layout.height}
                epoch=${state.epoch}
              />`,
          )}
          ${shown.map(
            (n) =>
              html`<${Row}
                key=${keyOf(items[n])}
                state=${state}
                item=${items[n]}
                sites=${sites}
                top=${topOf(this.layout, n)}
                at=${n}
                epoch=${state.epoch}
                isOpen=${n === openAt}
                isActive=${n === active}
              />`,
          )}
          ${
            openAt >= 0 &&
            html`<div class="opened" role="row" key="detail" ref=${this.#hold} style=${{ top: `${(openAt + 1) * this.layout.height}px` }}>
              <div class="detail" id="detail" role="cell"><${Detail} state=${state} /></div>
            </div>`
          }
        </div>
        ${list.fault && html`<p class="more" role="status">${list.fault.message} <button onClick=${() => state.refresh()}>Try again</button></p>`}
        ${!list.fault && !list.isWhole && html`<p class="more" role="status">${moreOf(list)}</p>`}
      </div>`
  }
}

/** A row that the address names and the list does not have, as it was asked for. */
const LooseDetail = ({ state }) => html`<div class="detail panel loose" id="detail"><${Detail} state=${state} /></div>`

/** Below the last row. */
const moreOf = ({ items, isSparse }) =>
  isSparse ? `${number(items.length)} found so far; looking through the rest…` : `${number(items.length)} loaded; more as you scroll`

/** What is seen, and what has the focus or is open. */
function shownRows({ first, last }, active, count, openAt) {
  const shown = new Set()
  for (let n = first; n <= last; n++) shown.add(n)
  for (const n of [active, openAt]) if (n !== undefined && n < count) shown.add(n)
  return [...shown].toSorted((one, other) => one - other)
}

/** The sites that appear in what is loaded, in the order of the configuration; all of them as long as nothing is. */
function columnsOf({ list, status, query }) {
  const named = list.sites()
  const known = (status?.sites ?? []).map(({ site }) => site)
  const sites = [...[...named].filter((site) => !known.includes(site)), ...known.filter((site) => named.has(site))]
  return query.site && sites.includes(query.site) ? [query.site, ...sites.filter((site) => site !== query.site)] : sites
}
