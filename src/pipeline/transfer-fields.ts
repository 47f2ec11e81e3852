import { idPlain } from '../model/document.ts'
import type { LogFields } from '../model/log.ts'
import type { Held } from './contracts.ts'

/** What every line about an attempt says. */
export function transferFields({ transfer, claim }: Pick<Held, 'transfer' | 'claim'>): LogFields {
  const { project, representationId, fileId, path, site, route } = transfer
  return {
    project,
    representationId: idPlain(representationId),
    fileId: idPlain(fileId),
    path,
    site,
    attemptId: claim.attemptId,
    ...('targetSite' in route && { provider: route.targetSite.provider }),
  }
}
