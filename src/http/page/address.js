const KEYS = ['q', 'state', 'site', 'project', 'asset', 'error', 'sort', 'open', 'view']

/** Newest first: what was published last is what people ask for. */
export const NEWEST = '-id'

/** What is looked at, as the address of the page says. */
export function readAddress() {
  const params = new URLSearchParams(location.search)
  return Object.fromEntries(KEYS.map((key) => [key, params.get(key) ?? '']))
}

/** `replace`: where each step would be one too many to go back over, as letters of a search are. */
export function writeAddress(query, { replace = false } = {}) {
  const params = new URLSearchParams()
  for (const key of KEYS) if (query[key]) params.set(key, query[key])
  const text = params.toString()
  const url = `${location.pathname}${text === '' ? '' : `?${text}`}`
  if (replace) history.replaceState(null, '', url)
  else history.pushState(null, '', url)
}

/** What the list is asked for. */
export function listQuery({ q, state, site, project, asset, error, sort }) {
  return { q, state, site, project, asset, error, sort: sort || NEWEST }
}

export const isFiltered = ({ q, state, site, project, asset, error }) => Boolean(q || state || site || project || asset || error)
