import { ACTIONS, WIDE } from '../actions.js'
import { count } from '../format.js'
import { Component, html } from '../library.js'
import { perform, previewBySite } from '../perform.js'
import { token } from '../token.js'
import { TokenField } from './token-field.js'

const SETTLE_MS = 300
/** Findings that are listed. */
const MOST_SHOWN = 20

/** Shows what an action will touch before it does it; asks for the token where there is none yet. */
export class ActionDialog extends Component {
  state = {
    hasToken: token.get() !== undefined,
    site: '',
    priority: '80',
    lasts: '',
    why: '',
    preview: undefined,
    fault: undefined,
    done: undefined,
    busy: '',
  }
  #element = null
  #timer
  #asking = new AbortController()

  componentDidMount() {
    this.#element.showModal()
    this.#preview(0)
  }

  componentWillUnmount() {
    clearTimeout(this.#timer)
    this.#asking.abort()
  }

  get #selections() {
    const { site } = this.state
    return this.props.dialog.selections.map((selection) => (site === '' ? selection : { ...selection, site }))
  }

  get #options() {
    const { action, isWide } = this.props.dialog
    const { priority, lasts, why } = this.state
    if (action === 'priority') return { priority: Number(priority) }
    if (action !== 'pause' || !isWide) return {}
    return { ...(lasts.trim() !== '' && { for: lasts.trim() }), ...(why.trim() !== '' && { why: why.trim() }) }
  }

  get #lacksSite() {
    const { action, selections } = this.props.dialog
    return ACTIONS[action].needsSite && this.#selections.some((selection, n) => (selections[n].site ?? selection.site) === undefined)
  }

  #set(change) {
    this.setState({ ...change, preview: undefined, fault: undefined })
    this.#preview(SETTLE_MS)
  }

  #preview(ms) {
    clearTimeout(this.#timer)
    this.#asking.abort()
    const asking = new AbortController()
    this.#asking = asking
    this.#timer = setTimeout(async () => {
      if (!this.state.hasToken || this.#lacksSite) return
      try {
        const preview = await this.#count({ tell: (busy) => this.setState({ busy }), signal: asking.signal })
        if (!asking.signal.aborted) this.setState({ preview, busy: '' })
      } catch (fault) {
        if (!asking.signal.aborted) this.#failed(fault)
      }
    }, ms)
  }

  async #count(context) {
    const { action, isWide } = this.props.dialog
    const selections = this.#selections
    const total = await perform(action, selections, { ...this.#options, dry_run: true }, context)
    const isSpread = !isWide && selections.length === 1 && selections[0].site === undefined && total.records > 0
    const sites = isSpread ? await previewBySite(action, selections, this.props.sites, this.#options, context) : []
    return { ...total, sites }
  }

  #failed(fault) {
    if (fault.needsToken) token.forget()
    // One that may only read is kept for that until another is given.
    const isOther = fault.needsToken || fault.needsScope
    this.setState({ fault, busy: '', ...(isOther && { hasToken: false }) })
  }

  #given = () => {
    this.props.given()
    this.#set({ hasToken: true })
  }

  #submit = async (event) => {
    event.preventDefault()
    if (this.state.done) return this.#element.close()
    this.setState({ busy: 'under way', fault: undefined })
    try {
      const { action } = this.props.dialog
      const done = await perform(action, this.#selections, this.#options, { tell: (busy) => this.setState({ busy }) })
      this.setState({ done, busy: '' })
      this.props.done()
    } catch (fault) {
      this.#failed(fault)
    }
  }

  render(
    { dialog: { action, about, isWide, selections }, sites, close },
    { hasToken, site, priority, lasts, why, preview, fault, done, busy },
  ) {
    const { word, does, needsSite } = ACTIONS[action]
    const isFixed = isWide || selections.some((selection) => selection.site !== undefined)
    const mayAct = hasToken && preview && !busy && (preview.records > 0 || preview.pauses.length > 0)
    return html`<dialog ref=${(element) => (this.#element = element)} onClose=${close} aria-labelledby="action-title">
      <form method="dialog" onSubmit=${this.#submit}>
        <h2 id="action-title">${word} ${about}</h2>
        <p class="soft">${(isWide && WIDE[action]) || does}</p>
        ${
          !isFixed &&
          !done &&
          html`<label class="field"
            ><span>Site</span>
            <select value=${site} onChange=${({ currentTarget }) => this.#set({ site: currentTarget.value })}>
              <option value="">${needsSite ? 'choose one' : 'all sites'}</option>
              ${sites.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
            </select></label
          >`
        }
        ${
          action === 'priority' &&
          !done &&
          html`<label class="field"
            ><span>Priority, 1 to 1000</span>
            <input
              type="number"
              min="1"
              max="1000"
              required
              value=${priority}
              onInput=${({ currentTarget }) => this.#set({ priority: currentTarget.value })}
          /></label>`
        }
        ${
          action === 'pause' &&
          isWide &&
          !done &&
          html`<label class="field"
              ><span>For how long</span>
              <input
                value=${lasts}
                placeholder="until it is resumed; or 30m, 2h, 3d"
                onInput=${({ currentTarget }) => this.#set({ lasts: currentTarget.value })}
            /></label>
            <label class="field"
              ><span>Why</span>
              <input
                value=${why}
                placeholder="others read this on the page"
                onInput=${({ currentTarget }) => this.#set({ why: currentTarget.value })}
            /></label>`
        }
        ${!hasToken && html`<${TokenField} given=${this.#given} />`}
        <div class="preview" role="status" aria-live="polite">
          ${words({ hasToken, preview, fault, done, busy, isWide, lacksSite: this.#lacksSite })}
        </div>
        <div class="buttons">
          ${!done && html`<button type="button" onClick=${() => this.#element.close()}>Cancel</button>`}
          <button class="primary" disabled=${!done && !mayAct}>${done ? 'Close' : label(word, preview, isWide)}</button>
        </div>
      </form>
    </dialog>`
  }
}

const label = (word, preview, isWide) => (preview && !isWide ? `${word}: ${count(preview.records, 'file')}` : word)

function words({ hasToken, preview, fault, done, busy, isWide, lacksSite }) {
  if (fault) return html`<p class="fault">${fault.message}</p>`
  if (busy) return html`<p>${busy}…</p>`
  if (done)
    return isWide
      ? html`<p>Done.</p>`
      : html`<p>Done: ${count(done.records, 'file')} of ${count(done.representations, 'representation')}.</p>
          <${Left} of=${done} /><${Found} of=${done} />`
  if (!hasToken) return html`<p class="soft">What it will touch is shown here when the token is given.</p>`
  if (lacksSite) return html`<p class="soft">Choose a site to see what it will touch.</p>`
  if (!preview) return html`<p class="soft">Counting what it will touch…</p>`
  if (isWide)
    return html`<p>${preview.pauses.length === 0 ? 'Nothing is paused there.' : 'No document is changed by this.'}</p>
      <${Still} of=${preview} />`
  if (preview.records === 0)
    return html`<p>This would change nothing.</p>
      <${Uneditable} of=${preview} />`
  return html`<p><b>${count(preview.records, 'file')}</b> of ${count(preview.representations, 'representation')} will be touched.</p>
    ${preview.sites.length > 0 && html`<p class="soft">${preview.sites.map(({ site, records }) => `${site}: ${records}`).join(' · ')}</p>`}<${Left}
      of=${preview}
    /><${Uneditable} of=${preview} />`
}

const Uneditable = ({ of: { uneditable } }) =>
  uneditable > 0 &&
  html`<p class="fault">
    ${count(uneditable, 'file')} can’t be edited, as their documents are: they have no _id of their own, or sites that can’t be read.
  </p>`

const Left = ({ of: { refused, skipped } }) =>
  refused + skipped > 0 &&
  html`<p class="fault">
    ${count(refused + skipped, 'representation')} left as they are: they changed meanwhile, or the database did not take it.
  </p>`

/** What a look at the sites found, file by file. */
const Found = ({ of: { found } }) =>
  found.length > 0 &&
  html`<ul class="fault">
      ${found
        .slice(0, MOST_SHOWN)
        .map(
          ({ project, path, site, finding, why }) =>
            html`<li key=${`${project} ${path} ${site}`}>${path} at ${site}: ${finding}: ${why}</li>`,
        )}
    </ul>
    ${found.length > MOST_SHOWN && html`<p class="soft">And ${found.length - MOST_SHOWN} more: the command of the same name lists them all.</p>`}`

const Still = ({ of: { still } }) => still.length > 0 && html`<p class="fault">It stays paused all the same: a wider pause holds.</p>`
