const KEY = 'site-sync-token'

/** The token that was typed in: it lives as long as this tab, and is sent to the service that the page came from, and nowhere else. */
export const token = {
  get: () => sessionStorage.getItem(KEY) ?? undefined,
  set: (value) => sessionStorage.setItem(KEY, value.trim()),
  forget: () => sessionStorage.removeItem(KEY),
}
