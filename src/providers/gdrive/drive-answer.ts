import { withoutEchoes } from './echoes.ts'
import { DriveFault } from './faults.ts'
import type { ErrorCode } from '../../errors.ts'
import { MAX_RETRY_AFTER_MS } from '../../model/retry-policy.ts'
import type { HttpAnswer } from './http-client.ts'

/** The JSON object of a body; undefined for HTML, plain text, nothing at all, or half an answer. */
export function parseAnswer(body: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(body)
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Milliseconds that `Retry-After` asks for, given in seconds or as a date; an hour at most. */
export function retryAfterOf({ headers }: Pick<HttpAnswer, 'headers'>, now = Date.now()): number | undefined {
  const value = headers['retry-after']
  if (value === undefined) return undefined
  const asked = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isNaN(asked) ? undefined : Math.min(Math.max(0, asked), MAX_RETRY_AFTER_MS)
}

const REMEDY: Record<string, { readonly code: ErrorCode; readonly remedy?: string; readonly certain?: boolean }> = {
  rateLimitExceeded: { code: 'RATE_LIMITED' },
  userRateLimitExceeded: { code: 'RATE_LIMITED' },
  sharingRateLimitExceeded: { code: 'RATE_LIMITED' },
  // A smaller file may still fit.
  storageQuotaExceeded: { code: 'QUOTA', remedy: 'free some space, or use a root with more of it', certain: false },
  quotaExceeded: { code: 'QUOTA', remedy: 'free some space, or use a root with more of it', certain: false },
  dailyLimitExceeded: { code: 'SITE_LIMIT', remedy: "raise the project's daily limit in the Google Cloud console" },
  accessNotConfigured: { code: 'SITE_LIMIT', remedy: "enable the Google Drive API for the account's project in the Google Cloud console" },
  domainPolicy: { code: 'SITE_LIMIT', remedy: 'an administrator of the domain must allow Drive for apps' },
  teamDriveFileLimitExceeded: { code: 'SITE_LIMIT', remedy: 'the shared drive is full: remove items from it, or use another one' },
  activeItemCreationLimitExceeded: { code: 'SITE_LIMIT', remedy: 'the account has created as many items as it may: remove some' },
  numChildrenInNonRootLimitExceeded: { code: 'REFUSED', remedy: 'the folder is full: remove items from it' },
  teamDriveHierarchyTooDeep: { code: 'REFUSED', remedy: 'a shared drive allows 100 folders in one another' },
  myDriveHierarchyDepthLimitExceeded: { code: 'REFUSED', remedy: 'My Drive allows 100 folders in one another' },
  downloadQuotaExceeded: {
    code: 'REFUSED',
    remedy: 'it was downloaded too often: Google gives it out again within a day, and a copy of it at once',
  },
  cannotDownloadAbusiveFile: { code: 'REFUSED', remedy: 'Google takes it for harmful, and gives it to nobody but its owner' },
  fileNotDownloadable: { code: 'REFUSED', remedy: "a document of Google's own is no file: export it, and upload what comes of it" },
  parentNotAFolder: { code: 'REFUSED', remedy: 'what stands in the place of the folder is not one' },
  insufficientFilePermissions: { code: 'PERMISSION' },
  insufficientParentPermissions: { code: 'PERMISSION' },
  insufficientPermissions: { code: 'PERMISSION' },
  appNotAuthorizedToFile: { code: 'PERMISSION' },
  forbidden: { code: 'PERMISSION' },
}

/**
 * Turns an answer that was not asked for into a fault; `what` is what was being done, `email` the account's name, and none of `secrets` is
 * in it.
 */
export function faultFrom(answer: HttpAnswer, what: string, email: string, secrets: readonly string[] = []): DriveFault {
  const { status } = answer
  const json = parseAnswer(answer.body)
  const { reason, message } = wordsOf(json, secrets)
  const retryAfterMs = retryAfterOf(answer)
  const detail = { status, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
  const fault = (code: ErrorCode, text: string): DriveFault => new DriveFault(code, text, detail)

  if (status >= 500 || status === 408) return fault('INTERRUPTED', `Google Drive is in trouble while ${what} (status ${status})`)
  if (status === 401) return fault('CREDENTIALS', `Google Drive does not accept ${email}: ${message || 'its token was refused twice'}`)
  if (status === 429) return fault('RATE_LIMITED', `Google Drive asks ${email} to slow down: ${message || 'too many requests'}`)
  if (status < 400 || (json === undefined && status === 403)) {
    return fault('INTERRUPTED', `Google Drive answered with something that makes no sense while ${what} (status ${status})`)
  }
  const known = REMEDY[reason]
  if (reason === 'storageQuotaExceeded' && /service account/i.test(message)) {
    const remedy = 'use a root on a shared drive, or let the account act for a person (subject in the key file)'
    return fault('QUOTA', `${email} is a service account and has no storage of its own: ${remedy}`)
  }
  const said = `${message || `status ${status}`}${reason === '' ? '' : ` (${reason})`}`
  if (known?.code === 'RATE_LIMITED') return fault('RATE_LIMITED', `Google Drive asks ${email} to slow down: ${said}`)
  if (known?.code === 'PERMISSION' || (known === undefined && status === 403)) {
    return fault(
      'PERMISSION',
      `${email} may not do this in Google Drive, ${what}: ${said}; give it the role of an editor or content manager there`,
    )
  }
  const text = `Google Drive refused ${what}: ${said}${known?.remedy === undefined ? '' : `; ${known.remedy}`}`
  return new DriveFault(known?.code ?? 'REFUSED', text, known?.certain === undefined ? detail : { ...detail, certain: known.certain })
}

function wordsOf(json: Record<string, unknown> | undefined, secrets: readonly string[]): { reason: string; message: string } {
  const error = json?.['error']
  if (typeof error !== 'object' || error === null)
    return { reason: '', message: typeof error === 'string' ? withoutEchoes(error, secrets) : '' }
  const { message, errors } = error as { message?: unknown; errors?: unknown }
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined
  const reason = typeof first === 'object' && first !== null ? (first as { reason?: unknown }).reason : undefined
  return {
    reason: typeof reason === 'string' ? withoutEchoes(reason, secrets) : '',
    message: typeof message === 'string' ? withoutEchoes(message, secrets) : '',
  }
}
