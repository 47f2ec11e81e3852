import { count } from '../format.js'
import { Component, html } from '../library.js'
import { shape } from './shapes.js'

const TYPING_MS = 250

/** The name, where to go, the search, and whether the page is connected. */
export function Top({ state }) {
  const isHistory = state.query.view === 'history'
  const link = (view, word) =>
    html`<a
      href=${`?${view ? `view=${view}` : ''}`}
      aria-current=${(view === 'history') === isHistory ? 'page' : undefined}
      onClick=${(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return
        event.preventDefault()
        state.go({ view })
      }}
      >${word}</a
    >`
  return html`<header class="top">
    <h1>Site Sync</h1>
    <nav aria-label="Views">${link('', 'Queue')}${link('history', 'History')}</nav>
    <${Search} state=${state} />
    <${Connection} state=${state} />
  </header>`
}

function Connection({ state: { connection, status } }) {
  const isLive = connection === 'live'
  const word = { connecting: 'connecting', lost: 'reconnecting', refused: 'token needed' }[connection]
  return html`<p role="status" class="state ${isLive ? 'good' : 'warn'}">
    ${shape(isLive ? 'ok' : 'cooling')}${isLive ? html`<span>live<span class="instances"> · ${count(status?.instances.length ?? 0, 'instance')}</span></span>` : word}
  </p>`
}

/** `/` leads here from anywhere. */
class Search extends Component {
  state = { typed: undefined }
  #input = null
  #timer
  #slash = (event) => {
    const { tagName } = event.target
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || /^(?:INPUT|SELECT|TEXTAREA)$/.test(tagName)) return
    if (document.querySelector('dialog[open]')) return
    event.preventDefault()
    this.#input.focus()
    this.#input.select()
  }

  componentDidMount() {
    addEventListener('keydown', this.#slash)
  }

  #typed = ({ currentTarget: { value: typed } }) => {
    this.setState({ typed })
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.props.state.go({ q: typed.trim(), view: '' }, { replace: true })
      this.setState({ typed: undefined })
    }, TYPING_MS)
  }

  render({ state }, { typed }) {
    return html`<div class="search" role="search">
      <input
        ref=${(element) => (this.#input = element)}
        type="search"
        aria-label="Find asset, subset, name or file"
        aria-keyshortcuts="/"
        placeholder="Find asset, subset, name, file…"
        autocomplete="off"
        spellcheck=${false}
        value=${typed ?? state.query.q}
        onInput=${this.#typed}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>`
  }
}
