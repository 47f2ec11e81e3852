import { get } from '../api.js'
import { bytes, count, duration, exactTime, number, speed, time } from '../format.js'
import { Component, html } from '../library.js'
import { middle } from './shapes.js'

/** What was sent while the page was open, with its speed, and who did what. */
export class History extends Component {
  state = { items: [], cursor: undefined, fault: undefined }

  componentDidMount() {
    void this.#more()
  }

  #more = async () => {
    try {
      const page = await get('audit', { limit: 50, cursor: this.state.cursor })
      this.setState(({ items }) => ({ items: [...items, ...page.items], cursor: page.next_cursor, fault: undefined }))
    } catch (fault) {
      this.setState({ fault })
    }
  }

  render({ state }, { items, cursor, fault }) {
    return html`<${Transfers} ended=${state.running.ended} />
      <section class="history panel" aria-labelledby="audit-title" tabindex="0">
        <h2 id="audit-title">Who did what</h2>
        ${fault && html`<p class="fault" role="alert">${fault.message}</p>`}
        ${cursor === null && items.length === 0 && html`<p class="soft">Nobody changed anything yet.</p>`}
        ${
          items.length > 0 &&
          html`<table>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">What</th>
                <th scope="col">Of what</th>
                <th scope="col" class="right">Files</th>
              </tr>
            </thead>
            <tbody>
              ${items.map(
                (each) =>
                  html`<tr key=${each.id}>
                    <td title=${exactTime(each.at)}>${time(each.at)}</td>
                    <td>${each.who}</td>
                    <td>${each.action}</td>
                    <td>${selectionText(each.selection)}${each.why && html`<span class="soft"> “${each.why}”</span>`}</td>
                    <td class="right">${number(each.records)}</td>
                  </tr>`,
              )}
            </tbody>
          </table>`
        }
        ${cursor && html`<div><button onClick=${this.#more}>Earlier</button></div>`}
      </section>`
  }
}

const selectionText = (selection) =>
  Object.entries(selection)
    .map(([key, value]) => (value === true ? key : `${key} ${value}`))
    .join(', ')

const Transfers = ({ ended }) =>
  html`<section class="history panel" aria-labelledby="sent-title" tabindex="0">
    <h2 id="sent-title">Transfers seen since this page was opened</h2>
    ${
      ended.length === 0
        ? html`<p class="soft">None ended yet.</p>`
        : html`<p class="soft small">
              ${count(ended.length, 'transfer')}, the latest first. A transfer that ended short of its size stopped or failed.
            </p>
            <table>
              <thead>
                <tr>
                  <th scope="col">Ended</th>
                  <th scope="col">File</th>
                  <th scope="col">Site</th>
                  <th scope="col" class="right">Sent</th>
                  <th scope="col" class="right">Took</th>
                  <th scope="col" class="right">Speed</th>
                </tr>
              </thead>
              <tbody>
                ${ended.map(
                  (each) =>
                    html`<tr key=${each.id}>
                      <td title=${exactTime(each.end)}>${time(each.end)}</td>
                      <td>${middle(each.path, 24)}</td>
                      <td>${each.site}</td>
                      <td class="right">${bytes(each.bytes)}${each.bytes < each.size ? ` of ${bytes(each.size)}` : ''}</td>
                      <td class="right">${duration(each.end - each.began)}</td>
                      <td class="right">
                        ${each.end > each.began ? speed(((each.bytes - each.from) * 1_000) / (each.end - each.began)) : '–'}
                      </td>
                    </tr>`,
                )}
              </tbody>
            </table>`
    }
  </section>`
