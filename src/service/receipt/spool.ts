import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite'

import type { HashFormat, ManifestFile } from '../../model/mhl/manifest.ts'
import type { ListedHash } from './read-history.ts'

/** A file of the selection that a record says is there. Numbers stand for places: roots of sites, as the gatherer counts them. */
export interface WantedFile {
  readonly place: number
  /** Below the root. */
  readonly path: string
  readonly about: FileName
  /** Bytes, as the file entry says. */
  readonly size: number | undefined
  /** Nobody else says what it should be: it is what was published. */
  readonly isOriginal: boolean
  /** Where it can be compared with, in this order. */
  readonly sources: readonly (readonly [place: number, path: string])[]
}

/** A file entry, for people. */
export interface FileName {
  readonly project: string
  readonly representation: string
  /** As it stands in the document. */
  readonly path: string
}

/** Why a file is in no receipt. */
export interface Refused extends FileName {
  readonly why: string
}

/** Of files in a receipt. */
export interface Totals {
  readonly files: number
  readonly bytes: number
}

const TABLES = `
  PRAGMA journal_mode = OFF;
  PRAGMA synchronous = OFF;
  CREATE TABLE wanted (place INTEGER, name TEXT, json TEXT, PRIMARY KEY (place, name)) WITHOUT ROWID;
  CREATE TABLE listed (place INTEGER, path TEXT, format TEXT, hash TEXT, generation INTEGER, PRIMARY KEY (place, path, format)) WITHOUT ROWID;
  CREATE TABLE files (place INTEGER, path TEXT, size INTEGER, modified INTEGER, format TEXT, hash TEXT, action TEXT, hashed INTEGER,
    PRIMARY KEY (place, path)) WITHOUT ROWID;
  CREATE TABLE refused (json TEXT);
`

type Row = Record<string, SQLOutputValue>

/**
 * What a receipt is made of, in a database on this machine's disk that goes when it is closed: a selection may be of any size, and comes in
 * the order of documents, while a manifest is in the order of paths and names each file once.
 */
export class Spool implements AsyncDisposable {
  /** For files of the receipt before they are sent. Nobody else may look into it. */
  readonly dir: string
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  private constructor(dir: string) {
    this.dir = dir
    this.#db = new DatabaseSync(join(dir, 'spool'))
    this.#db.exec(TABLES)
  }

  static async open(): Promise<Spool> {
    return new Spool(await mkdtemp(join(tmpdir(), 'site-sync-receipt-')))
  }

  /** The same file of another document, in whatever spelling of Unicode, is wanted once. */
  want(file: WantedFile): void {
    this.#run('INSERT OR IGNORE INTO wanted VALUES (?, ?, ?)', file.place, file.path.normalize('NFC'), JSON.stringify(file))
  }

  get wanted(): number {
    return Number(this.#one('SELECT count(*) AS n FROM wanted')?.['n'])
  }

  /** The places that have files that are wanted. */
  places(): readonly number[] {
    return [...this.#all('SELECT DISTINCT place FROM wanted ORDER BY place')].map(({ place }) => Number(place))
  }

  /** In the order in which they lie. */
  *eachWanted(): Generator<WantedFile> {
    for (const { json } of this.#all('SELECT json FROM wanted ORDER BY place, name')) yield JSON.parse(String(json)) as WantedFile
  }

  refuse(refused: Refused): void {
    this.#run('INSERT INTO refused VALUES (?)', JSON.stringify(refused))
  }

  get refused(): number {
    return Number(this.#one('SELECT count(*) AS n FROM refused')?.['n'])
  }

  *eachRefused(): Generator<Refused> {
    for (const { json } of this.#all('SELECT json FROM refused ORDER BY rowid')) yield JSON.parse(String(json)) as Refused
  }

  /** What an earlier generation says; of each format the first word counts. */
  list(place: number, { path, format, hash, generation }: ListedHash): void {
    this.#run('INSERT OR IGNORE INTO listed VALUES (?, ?, ?, ?, ?)', place, path, format, hash, generation)
  }

  /** The oldest first. */
  listedOf(place: number, path: string): readonly Omit<ListedHash, 'path'>[] {
    const rows = this.#all(
      'SELECT format, hash, generation FROM listed WHERE place = ? AND path = ? ORDER BY generation, format',
      place,
      path,
    )
    return [...rows].map(({ format, hash, generation }) => ({ format: String(format), hash: String(hash), generation: Number(generation) }))
  }

  put(place: number, { path, size, modified, format, hash, action, hashed }: ManifestFile): void {
    const time = modified === undefined || Number.isNaN(modified.getTime()) ? null : modified.getTime()
    this.#run(
      'INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      place,
      path,
      size,
      time,
      format,
      hash,
      action,
      hashed.getTime(),
    )
  }

  totalsOf(place: number): Totals {
    const found = this.#one('SELECT count(*) AS files, total(size) AS bytes FROM files WHERE place = ?', place)
    return { files: Number(found?.['files']), bytes: Number(found?.['bytes']) }
  }

  *filesOf(place: number): Generator<ManifestFile> {
    for (const row of this.#all('SELECT * FROM files WHERE place = ? ORDER BY path', place)) {
      yield {
        path: String(row['path']),
        size: Number(row['size']),
        modified: row['modified'] === null ? undefined : new Date(Number(row['modified'])),
        format: String(row['format']) as HashFormat,
        hash: String(row['hash']),
        action: String(row['action']) as ManifestFile['action'],
        hashed: new Date(Number(row['hashed'])),
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.close()
    await rm(this.dir, { recursive: true, force: true })
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) this.#statements.set(sql, (statement = this.#db.prepare(sql)))
    return statement
  }

  #run(sql: string, ...values: (string | number | null)[]): void {
    this.#prepared(sql).run(...values)
  }

  #one(sql: string, ...values: number[]): Row | undefined {
    return this.#prepared(sql).get(...values)
  }

  /** A statement of its own each: they are read side by side. */
  *#all(sql: string, ...values: (string | number)[]): Generator<Row> {
    yield* this.#db.prepare(sql).iterate(...values)
  }
}
