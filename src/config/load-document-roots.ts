import { homedir } from 'node:os'

import type { DocumentRoots } from '../model/document-roots.ts'
import type { Site } from '../model/site.ts'
import type { RawConfig } from './layout.ts'
import { resolveFolder, type PathContext } from './paths.ts'

/** Where roots may lie that documents name: as `publish_roots` says, or anywhere but at what has to be kept from them. */
export function loadDocumentRoots(
  written: readonly string[] | undefined,
  { files, keyOf }: RawConfig,
  sites: ReadonlyMap<string, Site>,
  context: PathContext,
): DocumentRoots {
  const credentials = [...sites.values()].flatMap(({ credentialsFile }) => credentialsFile ?? [])
  const allowed = written?.flatMap((folder, index) => resolveFolder(folder, keyOf(['publish_roots', index]), context) ?? [])
  return { ...(allowed && { allowed }), guarded: [homedir(), ...files, ...credentials], platform: context.platform }
}
