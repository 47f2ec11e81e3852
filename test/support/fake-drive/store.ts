import { randomBytes } from 'node:crypto'

import { ApiError, invalid, notFound } from './api-error.ts'
import type { Content } from './content.ts'

export const FOLDER = 'application/vnd.google-apps.folder'
export const SHORTCUT = 'application/vnd.google-apps.shortcut'

/** What the service account may do, from least to most. A `writer` of a shared drive is a contributor, a `fileOrganizer` a content manager. */
const ROLES = ['reader', 'writer', 'fileOrganizer', 'organizer', 'owner'] as const
export type Role = (typeof ROLES)[number]

/** A file, folder, shortcut, or the top of a drive. */
export interface Entry {
  readonly id: string
  name: string
  readonly mimeType: string
  parent: string | undefined
  readonly driveId: string | undefined
  /** Owned by the service account, and counted against its storage. */
  readonly mine: boolean
  /** Granted on this very item; otherwise that of the folder above holds. */
  role: Role | undefined
  sharedWithMe: boolean
  explicitlyTrashed: boolean
  readonly createdTime: string
  modifiedTime: string
  appProperties: Record<string, string>
  /** The last is the current one. */
  readonly revisions: { readonly id: string; readonly content: Content }[]
  readonly target: string | undefined
}

export type NewEntry = Pick<Entry, 'name' | 'parent'> & Partial<Omit<Entry, 'revisions'>> & { readonly content?: Content }

/** Everything that is stored, and who may see it. */
export class Store {
  readonly #entries = new Map<string, Entry>()
  readonly #children = new Map<string, Set<string>>()
  readonly #generated = new Set<string>()
  readonly #spent = new Set<string>()
  readonly myDrive: string

  constructor() {
    this.myDrive = this.add({ name: 'My Drive', parent: undefined, mimeType: FOLDER, mine: true }).id
  }

  generateId(): string {
    const id = `1${randomBytes(24).toString('base64url')}`
    this.#generated.add(id)
    return id
  }

  /** Rejects ids that were not generated (400), or that were used before (409). */
  checkNewId(id: string): void {
    if (this.#spent.has(id)) throw new ApiError(409, 'fileIdInUse', 'A file already exists with the provided ID.')
    if (!this.#generated.has(id)) throw invalid('The provided file ID is not usable.')
  }

  add(entry: NewEntry): Entry {
    const { content, id = this.generateId(), ...rest } = entry
    const now = new Date().toISOString()
    const above = entry.parent === undefined ? undefined : this.#entries.get(entry.parent)
    const added: Entry = {
      mimeType: content === undefined ? FOLDER : 'application/octet-stream',
      driveId: above?.driveId,
      mine: false,
      role: undefined,
      sharedWithMe: false,
      explicitlyTrashed: false,
      createdTime: now,
      modifiedTime: now,
      appProperties: {},
      target: undefined,
      ...rest,
      id,
      revisions: [],
    }
    this.#spent.add(id)
    this.#entries.set(id, added)
    if (content !== undefined) this.setContent(added, content)
    this.#link(added)
    return added
  }

  setContent(entry: Entry, content: Content): void {
    entry.revisions.push({ id: `r${entry.revisions.length + 1}-${randomBytes(6).toString('hex')}`, content })
  }

  move(entry: Entry, parent: string): void {
    this.#unlink(entry)
    entry.parent = parent
    this.#link(entry)
  }

  delete(entry: Entry): void {
    for (const child of this.children(entry.id)) this.delete(child)
    this.#unlink(entry)
    this.#entries.delete(entry.id)
  }

  /** Whoever asks; `root` is the account's own drive. */
  peek(id: string): Entry | undefined {
    return this.#entries.get(id === 'root' ? this.myDrive : id)
  }

  /** For the account: what it may not see is not there; shared drives take a caller who knows of them. */
  get(id: string, allDrives: boolean): Entry {
    const entry = this.peek(id)
    if (entry === undefined || this.roleOf(entry) === undefined || (entry.driveId !== undefined && !allDrives)) throw notFound(id)
    return entry
  }

  children(id: string): Entry[] {
    return [...(this.#children.get(id) ?? [])].map((child) => this.#entries.get(child) as Entry)
  }

  all(): Entry[] {
    return [...this.#entries.values()]
  }

  isTrashed(entry: Entry): boolean {
    for (let each: Entry | undefined = entry; each !== undefined; each = this.#above(each)) if (each.explicitlyTrashed) return true
    return false
  }

  roleOf(entry: Entry): Role | undefined {
    if (entry.mine) return 'owner'
    for (let each: Entry | undefined = entry; each !== undefined; each = this.#above(each)) {
      if (each.role !== undefined) return each.role
      if (each.mine) return 'owner'
    }
    return undefined
  }

  mayAtLeast(entry: Entry, role: Role): boolean {
    const has = this.roleOf(entry)
    return has !== undefined && ROLES.indexOf(has) >= ROLES.indexOf(role)
  }

  /** Moving to the trash: the owner of a file, or a content manager of its shared drive. */
  mayTrash(entry: Entry): boolean {
    return entry.driveId === undefined ? this.roleOf(entry) === 'owner' : this.mayAtLeast(entry, 'fileOrganizer')
  }

  /** For good: the owner of a file, or a manager of its shared drive. */
  mayDelete(entry: Entry): boolean {
    return entry.driveId === undefined ? this.roleOf(entry) === 'owner' : this.mayAtLeast(entry, 'organizer')
  }

  /** As people see it: names from the top down, joined by slashes. */
  pathOf(entry: Entry): string {
    const above = this.#above(entry)
    return above === undefined ? entry.name : `${this.pathOf(above)}/${entry.name}`
  }

  #above({ parent }: Entry): Entry | undefined {
    return parent === undefined ? undefined : this.#entries.get(parent)
  }

  #link({ id, parent }: Entry): void {
    if (parent === undefined) return
    const siblings = this.#children.get(parent)
    if (siblings === undefined) this.#children.set(parent, new Set([id]))
    else siblings.add(id)
  }

  #unlink({ id, parent }: Entry): void {
    if (parent !== undefined) this.#children.get(parent)?.delete(id)
  }
}
