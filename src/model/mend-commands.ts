import { idText, isPlain, type RepresentationDocument } from './document.ts'
import { mongoLiteral, textLiteral } from './mongo-literal.ts'
import type { RecordEdit } from './record-edit.ts'
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

  /** The edit of the record that the verdict is about, as a line to type. */
  line(verdict: Verdict, edit: RecordEdit): string {
    if (!this.#fitsPath(verdict)) return this.#byName(verdict, edit)
    const isArray = this.#isArray(verdict)
    const { site } = verdict
    const file = `{"f._id": ${idCondition(verdict.fileId)}}`
    const whole = `{name: ${textLiteral(site)}}`
    if (isArray && edit.kind === 'add') return this.#update(`{$push: {"files.$[f].sites": ${whole}}}`, [file])
    if (isArray && edit.kind === 'remove') return this.#update(`{$pull: {"files.$[f].sites": ${whole}}}`, [file])
    const at = isArray ? 'files.$[f].sites.$[s]' : `files.$[f].sites.${site}`
    return this.#update(operation(at, edit, isArray ? whole : '{}'), isArray ? [file, `{"s.name": ${textLiteral(site)}}`] : [file])
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
  #byName({ fileId, site }: Verdict, edit: RecordEdit): string {
    const field = `field: {$literal: ${textLiteral(site)}}`
    const record = `{$getField: {${field}, input: "$$f.sites"}}`
    const sites =
      edit.kind === 'remove'
        ? `{$unsetField: {${field}, input: "$$f.sites"}}`
        : `{$setField: {${field}, input: "$$f.sites", value: ${editedRecord(edit, record)}}}`
    const file = `{$setField: {field: "sites", input: "$$f", value: ${sites}}}`
    const isIt = `{$eq: ["$$f._id", {$literal: ${mongoLiteral(fileId)}}]}`
    const files = `{$map: {input: "$files", as: "f", in: {$cond: [${isIt}, ${file}, "$$f"]}}}`
    return `${this.#collection}.updateOne({_id: ${idCondition(this.#document._id)}}, [{$set: {files: ${files}}}])`
  }
}

function operation(at: string, edit: RecordEdit, empty: string): string {
  switch (edit.kind) {
    case 'unset':
      return `{$unset: {${edit.fields.map((field) => `${textLiteral(`${at}.${field}`)}: ""`).join(', ')}}}`
    case 'set':
      return `{$set: {${textLiteral(`${at}.${edit.field}`)}: ${mongoLiteral(edit.value)}}}`
    case 'reset':
    case 'add':
      return `{$set: {${textLiteral(at)}: ${empty}}}`
    case 'remove':
      return `{$unset: {${textLiteral(at)}: ""}}`
  }
}

function editedRecord(edit: RecordEdit, record: string): string {
  if (edit.kind === 'set') return `{$setField: {field: ${textLiteral(edit.field)}, input: ${record}, value: ${mongoLiteral(edit.value)}}}`
  if (edit.kind !== 'unset') return '{}'
  return edit.fields.reduce((input, field) => `{$unsetField: {field: ${textLiteral(field)}, input: ${input}}}`, record)
}

/** Equal to it, whatever it is: an object would be taken for operators, and a regular expression for a pattern. */
function idCondition(id: unknown): string {
  const literal = mongoLiteral(id)
  return isPlain(id) || /^(?:BSONRegExp|DBRef)\(|^\[/.test(literal) ? `{$eq: ${literal}}` : literal
}
