/** Is one version newer (above 0), older (below 0) or the same as another? `3.18.0` is newer than `3.9.1`, and than its own `3.18.0-nightly.2`. */
export function compareVersions(one: unknown, other: unknown): number {
  const [a, b] = [parts(one), parts(other)]
  for (let at = 0; at < Math.max(a.numbers.length, b.numbers.length); at++) {
    const difference = (a.numbers[at] ?? 0) - (b.numbers[at] ?? 0)
    if (difference !== 0) return difference
  }
  if (a.early === b.early) return 0
  if (a.early === '' || b.early === '') return a.early === '' ? 1 : -1
  return a.early.localeCompare(b.early, 'en', { numeric: true })
}

/** What has no version is older than all that have one. */
function parts(version: unknown): { readonly numbers: readonly number[]; readonly early: string } {
  const text = typeof version === 'string' || typeof version === 'number' ? String(version) : ''
  const [, numbers = '', early = ''] = /^v?(\d+(?:\.\d+)*)(?:-([^+]*))?/.exec(text) ?? []
  return { numbers: numbers === '' ? [-1] : numbers.split('.').map(Number), early }
}
