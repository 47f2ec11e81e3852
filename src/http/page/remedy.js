import { time } from './format.js'
import { pauseOf, siteState } from './site-state.js'

/**
 * What helps against a problem: to `retry`; to `resume` what is paused; or to `wait`, or to `mend` the site, where a retry would only wait as
 * well. `sites` are those that it is about.
 */
export function remedyOf({ sites, exhausted }, status) {
  const states = sites.map((name) => ({ name, ...stateAt(name, status) }))
  const retried = states.filter(({ state }) => state === 'ok' || state === 'trying' || state === 'unheard').map(({ name }) => name)
  if (retried.length > 0) {
    const isUrgent = exhausted > 0
    return { kind: 'retry', sites: retried, isUrgent, text: isUrgent ? 'mend the cause, then retry' : 'tried again by the next scan' }
  }
  const [{ name, state, until }] = states
  if (state === 'paused') {
    const own = states.filter((each) => status && pauseOf(each.name, status.pauses)?.site === each.name).map((each) => each.name)
    return { kind: own.length > 0 ? 'resume' : 'wait', sites: own, text: `${name} is paused: goes on when it is resumed` }
  }
  if (state === 'cooling') {
    const when = until === undefined ? 'as soon as the site works again' : `about ${time(until)}`
    return {
      kind: 'wait',
      sites,
      text: exhausted > 0 ? `wait for ${name}: it is probed again ${when}` : `goes on by itself ${when}, no tries are spent`,
    }
  }
  if (state === 'closed')
    return { kind: 'wait', sites, text: `goes on by itself when ${name} opens${until === undefined ? '' : `, at ${time(until)}`}` }
  return { kind: 'mend', sites, text: `mend the site ${name} in the configuration; then it goes on by itself` }
}

function stateAt(name, status) {
  const site = status?.sites.find((each) => each.site === name)
  return site ? siteState(site, status) : { state: 'ok' }
}
