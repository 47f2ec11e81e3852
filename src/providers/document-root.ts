import { realpath } from 'node:fs/promises'

import { assertDocumentRoot, type DocumentRoots } from '../model/document-roots.ts'

/**
 * Judges where a root leads that came with a document, as its text was judged before: it may be a link to a folder that must not be used, and
 * so may any folder above it. What it is compared with may lie behind links as well.
 *
 * @param real - Where the root leads, free of links.
 */
export async function assertLeadsNowhereElse(root: string, real: string, roots: DocumentRoots): Promise<void> {
  const { allowed, guarded, platform } = roots
  const resolved = { ...(allowed && { allowed: await resolvedAll(allowed) }), guarded: await resolvedAll(guarded), platform }
  assertDocumentRoot(root, resolved, real)
}

/** Where they lead; one that is not there leads nowhere. */
async function resolvedAll(paths: readonly string[]): Promise<readonly string[]> {
  return await Promise.all(paths.map(async (path) => await realpath(path).catch(() => path)))
}
