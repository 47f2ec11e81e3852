import { homedir } from 'node:os'

import type { DocumentRoots } from '../model/document-roots.ts'
import type { RawConfig } from './layout.ts'
import { resolveFolder, type PathContext } from './paths.ts'

/** Where roots may lie that documents name: as `publish_roots` says, or anywhere but at what has to be kept from them. */
export function loadDocumentRoots(
  written: readonly string[] | undefined,
  { keyOf }: RawConfig,
  ownFiles: readonly string[],
  context: PathContext,
): DocumentRoots {
  const allowed = written?.flatMap((folder, index) => resolveFolder(folder, keyOf(['publish_roots', index]), context) ?? [])
  return { ...(allowed && { allowed }), guarded: [homedir(), ...ownFiles], platform: context.platform }
}
