import type { Db, Document, Filter } from 'mongodb'

import { fileEntries, idText, type Plain, type RepresentationDocument } from '../model/document.ts'
import type { DocumentReader } from '../model/stores.ts'
import { KeyedBatcher } from './batcher.ts'
import { isSendable, readDocument } from './raw-document.ts'
import { wantedFields } from './projection.ts'

interface FileReference {
  readonly representationId: unknown
  readonly fileId: unknown
}

const entryId = ({ _id }: Plain): string => idText(_id)

/** `sitesOf`: the sites whose records count in a project; `fields`: what is read beside. */
export function representationReader(db: Db, sitesOf: (project: string) => readonly string[], fields: Document = {}): DocumentReader {
  const find = async (project: string, ids: readonly unknown[], projection: Document): Promise<RepresentationDocument[]> => {
    const filter = { _id: { $in: ids.filter(isSendable) } } as Filter<Document>
    const found = await db.collection(project).find(filter, { projection, readConcern: 'majority', raw: true }).toArray()
    return found.map((bytes) => readDocument(bytes as unknown as Uint8Array))
  }

  const readFiles = async (project: string, files: readonly FileReference[]): Promise<readonly (RepresentationDocument | undefined)[]> => {
    const wanted = { $in: ['$$this._id', { $literal: files.map(({ fileId }) => fileId) }] }
    const entries = { $cond: [{ $isArray: '$files' }, { $filter: { input: '$files', cond: wanted } }, '$files'] }
    const ids = files.map(({ representationId }) => representationId)
    const found = await find(project, ids, wantedFields(sitesOf(project), entries))
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
    read: async (project, ids) => find(project, ids, { ...wantedFields(sitesOf(project)), ...fields }),
    readFile: async (project, file) => batches.add(project, file),
  }
}
