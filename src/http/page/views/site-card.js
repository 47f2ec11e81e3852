import { count, duration, exactTime, madeAt, number, speed } from '../format.js'
import { html } from '../library.js'
import { pauseOf, siteState } from '../site-state.js'
import { shape } from './shapes.js'

const PROVIDERS = { gdrive: 'Google Drive', local_drive: 'Disk' }
const WIDTH = 124
const HEIGHT = 34

/** A site: how it is, how much flows to it, what waits for it. */
export function SiteCard({ state, site }) {
  const { status, counts, activity, oldest } = state
  const now = siteState(site, status)
  const of = (counts ?? []).filter((each) => each.site === site.site)
  const sum = (key) => of.reduce((total, each) => total + each[key], 0)
  const waiting = sum('pending')
  const givenUp = sum('exhausted')
  const first = oldest.get(site.site)
  const since = waiting > 0 && first ? madeAt(first.id) : undefined
  const error = now.why ?? site.instances.find((each) => each.error !== undefined)?.error
  const flow = activity.now(site.site)
  const isUnusable = now.state === 'misconfigured' || now.state === 'skipped'
  return html`<li class="card panel ${now.tone === 'good' ? '' : now.tone}">
    <div class="card-head">
      <${Icon} provider=${site.provider} name=${site.site} />
      <div class="card-name">
        <h2 title=${site.site}>${site.site}</h2>
        <p class="soft small">${PROVIDERS[site.provider] ?? site.provider ?? 'no provider'}</p>
      </div>
      <b class="phone" aria-hidden="true">${isUnusable || flow === undefined ? '–' : speed(flow)}</b>
      <span class="state badge ${now.tone}">${shape(now.state)}${now.word}</span>
    </div>
    <div class="flow">
      <${Chart} points=${activity.hour(site.site)} site=${site.site} />
      <p class="now"><strong>${isUnusable || flow === undefined ? '–' : speed(flow)}</strong><br /><span class="soft small">now</span></p>
    </div>
    <div class="card-foot">
      ${
        site.skipped !== undefined && of.length === 0
          ? html`<span title="This instance has no such site, and does not count what waits there.">not counted here</span>`
          : html`<span>${counts ? number(waiting) : '…'} waiting</span>`
      }
      <span title=${since && exactTime(since)}>${since ? `oldest ${duration(Date.now() - since)}` : ''}</span>
      ${!isUnusable && html`<${PauseButton} state=${state} site=${site.site} />`}
    </div>
    ${
      givenUp > 0 &&
      html`<button class="plain given-up" onClick=${() => state.go({ site: site.site, state: 'exhausted', error: '', q: '' })}>
        <span class="state bad">${shape('failed')}${count(givenUp, 'file')} given up</span>
      </button>`
    }
    ${error !== undefined && html`<p class="why" title=${error}>${error}</p>`}
  </li>`
}

function PauseButton({ state, site }) {
  const isPaused = pauseOf(site, state.status.pauses)?.site === site
  const action = isPaused ? 'resume' : 'pause'
  if (!state.actions.has(action)) return null
  const show = () => state.show({ action, selections: [{ site }], about: `all files of the site ${site}`, isWide: true })
  return html`<button class="plain" onClick=${show} aria-label="${isPaused ? 'Resume…' : 'Pause…'} ${site}">
    ${isPaused ? 'Resume…' : 'Pause…'}
  </button>`
}

const Icon = ({ provider, name }) =>
  PROVIDERS[provider]
    ? html`<img src="./page/icons/${provider}.png" alt="" width="32" height="32" />`
    : html`<span class="letter" aria-hidden="true">${name.slice(0, 1).toUpperCase()}</span>`

/** The last hour. */
function Chart({ points, site }) {
  const most = Math.max(...points)
  const y = (value) => HEIGHT - 2 - (most === 0 ? 0 : (value / most) * (HEIGHT - 6))
  const line = points.map((value, n) => `${((n * WIDTH) / (points.length - 1)).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
  const words = most === 0 ? 'nothing arrived' : `at most ${speed(most)} in a minute`
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${site}, the last hour: ${words}">
    <title>the last hour: ${words}</title>
    <polygon points="0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}" />
    <polyline points=${line} />
  </svg>`
}
