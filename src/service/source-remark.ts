import { messageOf } from '../errors.ts'
import { bytesText } from '../model/bytes-text.ts'
import type { Transfer } from '../model/transfer.ts'
import type { ProviderPool } from '../providers/provider-pool.ts'

const PATIENCE_MS = 5_000

/** What a look at the source adds to why a file is pending; empty where it adds nothing, or can't be had. */
export async function sourceRemark(transfer: Transfer | undefined, providers: Pick<ProviderPool, 'get'>): Promise<string> {
  if (!transfer || 'error' in transfer.route) return ''
  const { size: expected, route } = transfer
  const { sizeCheck = 'settle' } = route.sourceSite
  if (expected === undefined || sizeCheck === 'off') return ''
  try {
    const provider = await providers.get(route.sourceSite)
    const file = await provider.stat(route.source, { signal: AbortSignal.timeout(PATIENCE_MS) })
    if (!file) return ' The source is not there.'
    if (file.size === expected) return ''
    const sizes = ` The source has ${bytesText(file.size)}, the document says ${bytesText(expected)}`
    if (sizeCheck === 'strict') return `${sizes}: it fails as long as that is so ("size_check" is "strict").`
    return `${sizes}: it may still be on its way, and is sent once it has not changed for 10 s.`
  } catch (error) {
    return ` The source can't be looked at: ${messageOf(error)}`
  }
}
