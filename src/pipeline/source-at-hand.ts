import { isPerhapsElsewhere } from '../model/transfer.ts'
import type { Attempt } from './attempt.ts'
import type { ProviderPool } from './contracts.ts'

/**
 * Is a file here that is perhaps elsewhere? Where it is not, an instance that can read the other site sends it: nothing is to be claimed, and
 * no try spent. Where the source can't be looked at, the attempt itself finds out why.
 */
export async function isSourceAtHand({ providers }: { readonly providers: Pick<ProviderPool, 'get'> }, attempt: Attempt): Promise<boolean> {
  const { route } = attempt.transfer
  if (!isPerhapsElsewhere(route)) return true
  try {
    const provider = await providers.get(route.sourceSite)
    return (await provider.stat(route.source, { signal: attempt.signal, exact: true })) !== undefined
  } catch {
    return true
  }
}
