import { idPlain } from '../model/document.ts'
import type { LogFields } from '../model/log.ts'
import type { Attempt } from './attempt.ts'

/** What every line about an attempt says. */
export function transferFields({ transfer, id }: Pick<Attempt, 'transfer' | 'id'>): LogFields {
  const { project, representationId, fileId, path, site, route } = transfer
  return {
    project,
    representationId: idPlain(representationId),
    fileId: idPlain(fileId),
    path,
    site,
    attemptId: id,
    ...('targetSite' in route && { provider: route.targetSite.provider }),
  }
}
