/** What to do, by the state of a file; `explain` says why. */
const WHAT_TO_DO = {
  exhausted: 'Mend the cause, then retry.',
  failed: 'It is tried again by itself; retry to do it now.',
  'bad-tries': 'Retry: that removes what is no number.',
  paused: 'Resume it when it may be sent.',
  'no-source': 'Publish it again, or wait: it is sent once it is at a site that can be read.',
  misconfigured: 'Mend the configuration of the site; the service takes it without a restart.',
  skipped: 'Nothing from here: another machine may serve the site.',
  'no-record': 'Add the site, if it is wanted there.',
}
const URGENCY = ['exhausted', 'failed', 'bad-tries', 'misconfigured', 'no-source', 'pending', 'paused', 'skipped']

/** What differs from file to file in the same answer: names in quotes, paths, numbers; as the service tells causes apart. */
const VARYING = /"[^"]*"|'[^']*'|(?:\{root[^}]*\})?(?:[A-Za-z]:)?[\\/][^\s:,;]+|[0-9a-f]{8,}|\d+/g

const rank = ({ state }) => URGENCY.indexOf(state)

/** The files of a representation with their sites, as the API answers one a file and site. */
export function filesOf({ files }) {
  const found = new Map()
  for (const { file: id, path, size, ...at } of files) {
    const file = found.get(id) ?? { id, path, size, sites: new Map() }
    file.sites.set(at.site, at)
    found.set(id, file)
  }
  return [...found.values()]
}

/** Why it is not synced and what to do: files that have the same answer are one, the most urgent first. What nobody asked for is none. */
export function answersOf({ files }) {
  const found = new Map()
  for (const each of files) {
    if (each.state === 'synced' || each.state === 'no-record') continue
    const at = { ...each, reason: each.reason ?? unserved(each) }
    const key = JSON.stringify([at.site, at.state, (at.error ?? at.reason).replace(VARYING, '…'), at.command])
    const answer = found.get(key) ?? { ...at, key, count: 0, todo: todo(at) }
    answer.count++
    found.set(key, answer)
  }
  return [...found.values()].toSorted((one, other) => rank(one) - rank(other))
}

/** Of a site that the instance that answers does not know; the record says this much. */
function unserved({ error, tries }) {
  const said = error === undefined ? '' : ` Its record says, after ${tries ?? 0} tries: ${error}`
  return `The instance that answers here does not know this site; another one may.${said}`
}

function todo({ state, command }) {
  if (state !== 'pending') return WHAT_TO_DO[state] ?? 'See the log of the service.'
  if (command?.startsWith('site-sync resume')) return 'Resume what is paused.'
  return command ? 'It is tried again by itself; retry to do it now.' : 'Nothing: it is sent by itself.'
}
