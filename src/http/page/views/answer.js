import { Component, html } from '../library.js'
import { count } from '../format.js'

/** Where the instance that answers knows no command. */
const VERBS = { exhausted: 'retry', failed: 'retry', 'bad-tries': 'retry', paused: 'resume' }
const ACTIONS = ['retry', 'reset', 'resume', 'add-site']

/** Why files are not at a site, what to do, and the command that does it. */
export function Answer({ state, item, answer: { site, reason, command, count: files, todo, state: of } }) {
  const verb = /^site-sync ([\w-]+)/.exec(command ?? '')?.[1] ?? VERBS[of]
  const helps = ACTIONS.includes(verb) && state.actions.has(verb) && (of !== 'pending' || verb !== 'resume')
  const selections = [{ project: item.project, representation: item.id, site }]
  const show = (action) => state.show({ action, selections, about: `files of it at ${site}` })
  return html`<section>
    <h3>Why is it not at ${site}?</h3>
    ${item.file_count > 1 && html`<p class="soft small">${count(files, 'file')}, such as this:</p>`}
    <p class="reason">${reason}</p>
    <h3>What to do</h3>
    <p>${todo}</p>
    ${command && html`<pre class="command">${command}</pre>`}
    <div class="buttons">
      ${helps && html`<button class="primary" onClick=${() => show(verb)}>${verb === 'resume' ? 'Resume' : 'Retry'}…</button>`}
      ${state.actions.has('remove-site') && html`<button onClick=${() => show('remove-site')}>Remove from ${site}…</button>`}
      ${command && html`<${Copy} text=${command} />`}
    </div>
  </section>`
}

class Copy extends Component {
  state = { word: 'Copy command' }

  #copy = async () => {
    const isDone = await navigator.clipboard.writeText(this.props.text).then(
      () => true,
      () => false,
    )
    this.setState({ word: isDone ? 'Copied' : 'Select it and copy' })
  }

  render(_props, { word }) {
    return html`<button onClick=${this.#copy} aria-live="polite">${word}</button>`
  }
}
