import { get } from '../api.js'
import { bytes, count, duration, exactTime, fileName, number, speed, time } from '../format.js'
import { Component, html } from '../library.js'
import { middle, stateWord } from './shapes.js'

/** The transfers that ended last, with their speed, and who did what. */
export class History extends Component {
  state = { items: [], cursor: undefined, fault: undefined }

  componentDidMount() {
    void this.#read()
  }

  /** What was done while the page was not connected is told by nobody, and what could not be read then is read now. */
  componentDidUpdate({ snapshots }) {
    if (snapshots !== this.props.snapshots) void this.#read()
  }

  #read = async (cursor) => {
    try {
      const page = await get('audit', { limit: 50, cursor })
      this.setState(({ items }) => ({
        items: cursor === undefined ? page.items : [...items, ...page.items],
        cursor: page.next_cursor,
        fault: undefined,
      }))
    } catch (fault) {
      this.setState({ fault })
    }
  }

  render({ state }, { items, cursor, fault }) {
    return html`${state.snapshots > 0 && html`<${Transfers} ended=${state.activity.ended} />`}
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
        ${cursor && html`<div><button onClick=${() => this.#read(cursor)}>Earlier</button></div>`}
      </section>`
  }
}

const selectionText = (selection) =>
  Object.entries(selection)
    .map(([key, value]) => (value === true ? key : `${key} ${value}`))
    .join(', ')

const Transfers = ({ ended }) =>
  html`<section class="history panel" aria-labelledby="sent-title" tabindex="0">
    <h2 id="sent-title">Recent transfers</h2>
    ${
      ended.length === 0
        ? html`<p class="soft">None ended in the last hour.</p>`
        : html`<p class="soft small">${count(ended.length, 'transfer')} of all instances, the latest first.</p>
            <table>
              <thead>
                <tr>
                  <th scope="col">Ended</th>
                  <th scope="col">File</th>
                  <th scope="col">Site</th>
                  <th scope="col">How</th>
                  <th scope="col" class="right">Sent</th>
                  <th scope="col" class="right">Took</th>
                  <th scope="col" class="right">Speed</th>
                </tr>
              </thead>
              <tbody>
                ${ended.map(
                  (each) =>
                    html`<tr key=${each.id}>
                      <td title=${exactTime(each.at)}>${time(each.at)}</td>
                      <td title=${each.path}>${middle(fileName(each.path), 24)}</td>
                      <td>${each.site}</td>
                      <td title=${each.error}>${how(each)}</td>
                      <td class="right">${sent(each)}</td>
                      <td class="right">${took(each.ms)}</td>
                      <td class="right">${each.bytes > 0 && each.ms > 0 ? speed((each.bytes * 1_000) / each.ms) : '–'}</td>
                    </tr>`,
                )}
              </tbody>
            </table>`
    }
  </section>`

/** The speed is of the same time, so it is not rounded to nothing. */
const took = (ms) => (ms < 1_000 ? `${ms} ms` : duration(ms))

function sent({ bytes: of, size }) {
  if (of === 0) return '–'
  return of < size ? `${bytes(of)} of ${bytes(size)}` : bytes(of)
}

function how({ outcome, bytes: of, size }) {
  if (outcome === 'failed') return stateWord('failed', 'bad', 'failed')
  return stateWord('synced', 'good', of === 0 && size > 0 ? 'was there already' : 'synced')
}
