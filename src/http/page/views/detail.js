import { ACTIONS } from '../actions.js'
import { answersOf, filesOf } from '../answers.js'
import { html } from '../library.js'
import { Answer } from './answer.js'
import { FileTable } from './file-table.js'
import { nameOf } from './row.js'

const MORE = ['priority', 'pause', 'resume', 'add-site', 'reset', 'verify', 'adopt']

/** An opened row: each file at each site, and the plain answer to why it is not synced. */
export function Detail({ state }) {
  const { found, fault } = state.detail ?? {}
  if (fault) return html`<p role="alert" class="fault">${fault.status === 404 ? 'It is not there any more.' : fault.message}</p>`
  if (!found) return html`<p class="soft" role="status">Asking why…</p>`
  const files = filesOf(found)
  const sites = [...new Set(found.files.map(({ site }) => site))]
  const answers = answersOf(found)
  const asked = found.files.filter(({ state: at }) => at !== 'no-record')
  return html` <${FileTable} key=${found.id} state=${state} item=${found} files=${files} sites=${sites} />
    <div class="answer panel">
      ${found.remarks.map((remark) => html`<p key=${remark}>${remark}</p>`)}
      ${answers.map((answer) => html`<${Answer} key=${answer.key} state=${state} item=${found} answer=${answer} />`)}
      ${
        answers.length === 0 &&
        html`<section>
          <h3>${asked.length === 0 ? 'Nobody asked for it anywhere' : 'Everything is where it was asked for'}</h3>
          <p class="soft">
            ${asked.length === 0 ? 'Add a site to have it sent there.' : 'All its files are at each of the sites that have a record of it.'}
          </p>
        </section>`
      }
      ${
        state.actions.size > 0 &&
        html`<section>
          <h3>All its files</h3>
          <div class="buttons">
            ${MORE.filter((action) => state.actions.has(action)).map(
              (action) =>
                html`<button
                  key=${action}
                  onClick=${() =>
                    state.show({
                      action,
                      selections: [{ project: found.project, representation: found.id }],
                      about: `of ${nameOf(found)}`,
                    })}
                >
                  ${ACTIONS[action].word}…
                </button>`,
            )}
          </div>
        </section>`
      }
    </div>`
}
