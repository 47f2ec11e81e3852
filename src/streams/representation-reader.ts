import type { Db, Document, Filter } from 'mongodb'

import { fileEntries, idText, type Plain, type RepresentationDocument } from '../model/document.ts'
import type { DocumentReader } from '../model/stores.ts'
import { KeyedBatcher } from './batcher.ts'
import { isSendable, readDocument } from './raw-document.ts'
import { FIELDS, isSmall, wantedFields } from './projection.ts'

interface FileReference {
  readonly representationId: unknown
  readonly fileId: unknown
}

const entryId = ({ _id }: Plain): string => idText(_id)

/** `sitesOf`: the sites whose records count in a project; `fields`: what is read beside. */
export function representationReader(db: Db, sitesOf: (project: string) => readonly string[], fields: Document = {}): DocumentReader {
  const find = async (project: string, filter: Document, projection: Document): Promise<readonly RepresentationDocument[]> => {
    const options = { projection, readConcern: 'majority', raw: true } as const
    const found = db.collection(project).find(filter as Filter<Document>, options)
    return (await found.toArray()).map((bytes) => readDocument(bytes as unknown as Uint8Array))
  }

  /** `files`: an expression. Small documents come as they are: what else is sent of large ones costs both sides as much as the rest of the command. */
  const findById = async (
    project: string,
    ids: readonly unknown[],
    more: Document,
    files?: Document,
  ): Promise<readonly RepresentationDocument[]> => {
    const wanted = new Map(ids.filter(isSendable).map((id) => [idText(id), id]))
    const small = await find(project, { _id: { $in: [...wanted.values()] }, $expr: isSmall }, { ...FIELDS, files: 1, ...more })
    for (const { _id } of small) wanted.delete(idText(_id))
    if (wanted.size === 0) return small
    const rest = await find(project, { _id: { $in: [...wanted.values()] } }, { ...wantedFields(sitesOf(project), files), ...more })
    return [...small, ...rest]
  }

  const readFiles = async (project: string, files: readonly FileReference[]): Promise<readonly (RepresentationDocument | undefined)[]> => {
    const wanted = { $in: ['$$this._id', { $literal: files.map(({ fileId }) => fileId) }] }
    const entries = { $cond: [{ $isArray: '$files' }, { $filter: { input: '$files', cond: wanted } }, '$files'] }
    const ids = files.map(({ representationId }) => representationId)
    const found = await findById(project, ids, {}, entries)
    const byId = new Map(found.map((document) => [idText(document._id), { document, byFile: Map.groupBy(fileEntries(document), entryId) }]))
    return files.map(({ representationId, fileId }) => {
      const { document, byFile } = byId.get(idText(representationId)) ?? {}
      // Who asks for one file plans no others.
      return Array.isArray(document?.files) ? { ...document, files: byFile?.get(idText(fileId)) ?? [] } : document
    })
  }
  const batches = new KeyedBatcher<string, FileReference, RepresentationDocument | undefined>((project) => ({
    run: async (files) => readFiles(project, files),
    maxBatch: 100,
    concurrency: 2,
  }))

  return {
    read: async (project, ids) => findById(project, ids, fields),
    readFile: async (project, file) => batches.add(project, file),
  }
}
