import { duration, time } from './format.js'

const TONES = {
  ok: 'good',
  cooling: 'warn',
  trying: 'warn',
  paused: 'calm',
  closed: 'calm',
  misconfigured: 'bad',
  skipped: 'calm',
  unheard: 'calm',
}

const is = (state, word, why, until) => ({ state, word, why, until, tone: TONES[state] })

/** How a site is doing, of what its configuration, the pauses and all instances say: word, tone, and why. */
export function siteState({ site, misconfigured, skipped, instances }, { pauses, closed = [], instances: running }) {
  const told = (state) => instances.find((each) => each.state === state && each.served !== false)
  /** Where others do better, it says which one. */
  const by = ({ instance, error }) => (running.length > 1 && error !== undefined ? `${instance}: ${error}` : error)
  const wrong = told('misconfigured')
  const mistake = misconfigured ?? (wrong && by(wrong))
  if (misconfigured !== undefined || wrong) return is('misconfigured', 'misconfigured', mistake)
  // Another machine may have it.
  if (skipped !== undefined && instances.length === 0) return is('skipped', 'not for this machine', skipped)
  const pause = pauseOf(site, pauses)
  if (pause) return is('paused', 'paused', pauseText(pause))
  const hours = closed.find((each) => each.site === site)
  if (hours) return is('closed', 'closed', `Outside its hours${hours.until ? `, until ${time(hours.until)}` : ''}.`, hours.until)
  const cooling = told('cooling')
  if (cooling) {
    const word = cooling.until ? `cooling · ${duration(Date.parse(cooling.until) - Date.now())}` : 'cooling'
    return is(
      'cooling',
      word,
      `${sentence(by(cooling) ?? 'It is in trouble')} No tries are spent; it is probed again by itself.`,
      cooling.until,
    )
  }
  const trying = told('trying')
  if (trying) return is('trying', 'trying again', by(trying))
  if (running.length === 0) return is('unheard', 'no instance runs', 'Nobody copies files now: no instance of the service is heard of.')
  return is('ok', 'ok', undefined)
}

/** With a full stop, where it does not end otherwise. */
const sentence = (text) => (/[.?!]$/.test(text) ? text : `${text}.`)

/** One that holds for all files of the site. */
export const pauseOf = (site, pauses) =>
  pauses.find((pause) => pause.project === undefined && (pause.site === undefined || pause.site === site))

const pauseText = ({ site, who, why, until }) =>
  `${site === undefined ? 'Everything is paused' : 'Paused'} by ${who}${until === undefined ? '' : `, until ${time(until)}`}${why === undefined ? '.' : `: “${why}”`}`
