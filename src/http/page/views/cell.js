import { number, speed, tries } from '../format.js'
import { html } from '../library.js'
import { pauseOf } from '../site-state.js'
import { stateWord } from './shapes.js'

/** How a representation is at a site. */
export function Cell({ state, item, site, fileCount }) {
  const at = item.sites.find((each) => each.site === site)
  return html`<div class="cell" role="cell">
    <span class="at" aria-hidden="true">${site}</span>${content(state, item, site, at, fileCount)}
  </div>`
}

function content(state, item, site, at, fileCount) {
  if (item.gone) return html`<span class="soft">deleted</span>`
  if (!at)
    return html`<span class="soft" title="nobody asked for it there"
      ><span aria-hidden="true">–</span><span class="hidden">not asked for</span></span
    >`
  if (at.state === 'synced') return stateWord('synced', 'good', html`<span class="hidden">synced</span>`, 'all files are there')
  const moving = state.running.of(item, site)
  if (moving.length > 0) return running(at, moving, fileCount)
  const some =
    at.synced > 0 && html`<${Bar} value=${at.synced} most=${fileCount} tone="good" word=${`${number(at.synced)}/${number(fileCount)}`} />`
  if (at.state === 'exhausted' || at.state === 'bad-tries' || at.state === 'failed') {
    const word = html`${at.state === 'failed' ? 'failed' : 'gave up'}${at.tries > 0 && html`<span class="small">${tries(at.tries)}</span>`}`
    return html`${some}${stateWord('failed', at.state === 'failed' ? 'warn' : 'bad', word, at.error)}`
  }
  if (at.state === 'paused') return html`${some}${stateWord('paused', 'calm', 'paused')}`
  if (at.state === 'partial')
    return html`${some || html`<span class="soft">${at.synced}/${fileCount}</span>`}<span class="soft small">rest not asked for</span>`
  if (some) return some
  const isHeld = state.status && pauseOf(site, state.status.pauses)
  return isHeld ? stateWord('paused', 'calm', 'site paused') : html`<span class="soft">waiting</span>`
}

/** Of all its files: those that are there, and as much of others as has been sent. */
function running(at, moving, fileCount) {
  const part = moving.reduce((sum, { bytes, size }) => sum + (size > 0 ? Math.min(1, bytes / size) : 0), 0)
  const share = Math.min(1, (at.synced + part) / Math.max(1, fileCount))
  const bytesPerSecond = moving.reduce((sum, each) => sum + each.speed, 0)
  const word = `${Math.floor(share * 100)}%`
  return html`<${Bar} value=${share} most=${1} word=${word} /><span class="small soft"
      >${bytesPerSecond > 0 ? speed(bytesPerSecond) : ''}</span
    >`
}

export const Bar = ({ value, most, tone = '', word }) =>
  html`<progress class=${tone} value=${value} max=${most} aria-label=${word}></progress><span>${word}</span>`
