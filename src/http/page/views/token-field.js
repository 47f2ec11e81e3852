import { Component, html } from '../library.js'
import { token } from '../token.js'

/** Asks for a token, once for as long as the tab is open. Outside a form of its own: it stands in others. */
export class TokenField extends Component {
  state = { value: '' }

  #give = () => {
    if (this.state.value.trim() === '') return
    token.set(this.state.value)
    this.props.given()
  }

  #key = (event) => {
    if (event.key !== 'Enter') return
    event.preventDefault()
    this.#give()
  }

  render(_props, { value }) {
    return html`<div class="field">
      <label for="token">Token</label>
      <div class="with-button">
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck=${false}
          value=${value}
          aria-describedby="token-help"
          onInput=${({ currentTarget }) => this.setState({ value: currentTarget.value })}
          onKeyDown=${this.#key}
        />
        <button type="button" onClick=${this.#give}>Use it</button>
      </div>
      <p class="soft small" id="token-help">
        Kept until this tab is closed. To get one: <code>site-sync token create NAME --scope operate</code>
      </p>
    </div>`
  }
}
