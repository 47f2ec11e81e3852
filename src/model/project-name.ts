import { isBroken } from './valid-text.ts'

/**
 * Can a collection of this name be a project? The server's own (`system.views`, `system.buckets.…`) are nobody's, and one whose name is
 * not UTF-8 can't be asked for by the name that is read.
 */
export function isProjectName(name: string): boolean {
  return name !== '' && !name.startsWith('system.') && !isBroken(name)
}
