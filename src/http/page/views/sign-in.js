import { time } from '../format.js'
import { html } from '../library.js'
import { TokenField } from './token-field.js'

/** Where reads take a token and there is none, or it is not known any more, whatever is looked at. */
export function SignIn({ state }) {
  if (!state.isRefused) return null
  return html`<section class="empty panel" aria-label="A token is needed">
    <h2>A token is needed</h2>
    ${state.heard && html`<p role="alert">What is shown is from ${time(state.heard)}.</p>`}
    <p class="soft">Whoever runs the service makes one, and a token that may only read is enough to look:</p>
    <pre class="command">site-sync token create NAME --scope read</pre>
    <${TokenField} given=${() => state.signIn()} />
  </section>`
}
