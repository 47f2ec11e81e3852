import { idText, MAX_ID_LENGTH } from './document.ts'
import { isBroken } from './valid-text.ts'

/** Levels. Ids are written into documents of our own and into conditions, and the server bounds how deep those may be. */
const DEEPEST_ID = 16

/** Why nobody can work with the document, or file, of this id; undefined when somebody can. */
export function idFault(id: unknown): string | undefined {
  // By far the most of them, and many.
  if (typeof id === 'object' && id !== null && 'toHexString' in id && typeof id.toHexString === 'function') return undefined
  const text = idText(id)
  if (text.length > MAX_ID_LENGTH) return 'is too long'
  // It would name another document, or none.
  if (isBroken(text)) return 'is not valid UTF-8'
  if (isLostDate(id)) return 'is a date that is read as another one'
  return isDeeper(id, DEEPEST_ID) ? 'is nested too deeply' : undefined
}

/** Beyond what JavaScript can say. */
function isLostDate(id: unknown): boolean {
  return id instanceof Date && Number.isNaN(id.getTime())
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false
  return levels === 0 || Object.values(value).some((element) => isDeeper(element, levels - 1))
}
