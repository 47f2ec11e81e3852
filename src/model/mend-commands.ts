import { idText, isPlain, type RepresentationDocument } from './document.ts'
import { mongoLiteral, textLiteral } from './mongo-literal.ts'
import { isPathName } from './site-record.ts'
import type { Verdict } from './verdict.ts'

/**
 * Commands for the MongoDB shell that touch one record. Each is one line; whatever stands in it of a document stands in a literal, without
 * quotation marks that end one of a shell: it can be pasted there, and given to `mongosh --eval '…'`.
 */
export class MendCommands {
  readonly #document: RepresentationDocument
  readonly #collection: string

  constructor(document: RepresentationDocument, project: string) {
    this.#document = document
    this.#collection = `db.getCollection(${textLiteral(project)})`
  }

  unset(verdict: Verdict, field: string): string {
    if (!this.#fitsPath(verdict))
      return this.#byName(verdict, (record) => `{$unsetField: {field: ${textLiteral(field)}, input: ${record}}}`)
    const { at, filters } = this.#record(verdict)
    return this.#update(`{$unset: {${textLiteral(`${at}.${field}`)}: ""}}`, filters)
  }

  reset(verdict: Verdict): string {
    if (!this.#fitsPath(verdict)) return this.#byName(verdict, () => '{}')
    const { at, filters, isArray } = this.#record(verdict)
    const empty = isArray ? `{name: ${textLiteral(verdict.site)}}` : '{}'
    return this.#update(`{$set: {${textLiteral(at)}: ${empty}}}`, filters)
  }

  addSkeleton(verdict: Verdict): string {
    if (!this.#fitsPath(verdict)) return this.#byName(verdict, () => '{}')
    const file = this.#file(verdict)
    if (this.#isArray(verdict)) return this.#update(`{$push: {"files.$[f].sites": {name: ${textLiteral(verdict.site)}}}}`, [file])
    return this.#update(`{$set: {${textLiteral(`files.$[f].sites.${verdict.site}`)}: {}}}`, [file])
  }

  #record(verdict: Verdict): { readonly at: string; readonly filters: readonly string[]; readonly isArray: boolean } {
    const isArray = this.#isArray(verdict)
    if (!isArray) return { at: `files.$[f].sites.${verdict.site}`, filters: [this.#file(verdict)], isArray }
    return { at: 'files.$[f].sites.$[s]', filters: [this.#file(verdict), `{"s.name": ${textLiteral(verdict.site)}}`], isArray }
  }

  #file({ fileId }: Verdict): string {
    return `{"f._id": ${idCondition(fileId)}}`
  }

  #isArray({ fileId, path }: Verdict): boolean {
    const files: readonly unknown[] = Array.isArray(this.#document.files) ? this.#document.files : []
    const file = files.find((entry) => isPlain(entry) && entry['path'] === path && idText(entry['_id']) === idText(fileId))
    return isPlain(file) && Array.isArray(file['sites'])
  }

  #update(update: string, filters: readonly string[]): string {
    return `${this.#collection}.updateOne({_id: ${idCondition(this.#document._id)}}, ${update}, {arrayFilters: [${filters.join(', ')}]})`
  }

  #fitsPath(verdict: Verdict): boolean {
    return isPathName(verdict.site) || this.#isArray(verdict)
  }

  /** For a site in object shape whose name no path can spell; there, "a.b" would mean a field within another. */
  #byName({ fileId, site }: Verdict, value: (record: string) => string): string {
    const field = `field: {$literal: ${textLiteral(site)}}`
    const sites = `{$setField: {${field}, input: "$$f.sites", value: ${value(`{$getField: {${field}, input: "$$f.sites"}}`)}}}`
    const file = `{$setField: {field: "sites", input: "$$f", value: ${sites}}}`
    const isIt = `{$eq: ["$$f._id", {$literal: ${mongoLiteral(fileId)}}]}`
    const files = `{$map: {input: "$files", as: "f", in: {$cond: [${isIt}, ${file}, "$$f"]}}}`
    return `${this.#collection}.updateOne({_id: ${idCondition(this.#document._id)}}, [{$set: {files: ${files}}}])`
  }
}

/** Equal to it, whatever it is: an object would be taken for operators, and a regular expression for a pattern. */
function idCondition(id: unknown): string {
  const literal = mongoLiteral(id)
  return isPlain(id) || /^(?:BSONRegExp|DBRef)\(|^\[/.test(literal) ? `{$eq: ${literal}}` : literal
}
